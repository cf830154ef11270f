"""How long something has been so, by a clock that never runs backwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

PAUSE_SECONDS = 15.0
"""After a start that came to nothing, a job is not started again for so long."""


class Ages:
    """Ages of conditions by job: counted from the first look at which a condition held, while it holds at each look.

    Args:
        timer: gives seconds that never run backwards.

    Example:
        >>> seconds = iter([0.0, 5.0])
        >>> ages = Ages(lambda: next(seconds))
        >>> with ages.look("job") as age:
        ...     age("silent")
        0.0
        >>> with ages.look("job") as age:
        ...     age("silent")
        5.0
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._since: dict[str, dict[str, float]] = {}
        self._pauses: dict[str, float] = {}

    @contextmanager
    def look(self, job_id: str) -> Iterator[Callable[[str], float]]:
        """Look at a job; in the block ages of its conditions are asked, and those that are not asked end."""
        before = self._since.get(job_id, {})
        current: dict[str, float] = {}

        def age(condition: str) -> float:
            now = self._timer()
            current[condition] = before.get(condition, now)
            return now - current[condition]

        yield age
        if current:
            self._since[job_id] = current
        else:
            self._since.pop(job_id, None)

    def pause(self, job_id: str, seconds: float) -> None:
        """Let a job be for so long."""
        self._pauses[job_id] = self._timer() + seconds

    def pauses(self, job_id: str) -> bool:
        """Whether a job is to be let be."""
        return self._pauses.get(job_id, 0.0) > self._timer()

    def forget(self, job_id: str) -> None:
        """Forget the conditions of a job that is at rest."""
        self._since.pop(job_id, None)
