"""A pool of one worker that is this process itself: the reference for the others, and for debugging."""

from __future__ import annotations

from policysearch.core.trial import Outcome, Trial
from workers.evaluate import Setup, attempt


class InProcessPool:
    """Evaluates each trial when it is waited for. A deadline cannot be enforced here, and is not."""

    def __init__(self, setup: Setup) -> None:
        self._evaluate = setup()
        self._trial: Trial | None = None

    @property
    def free_slots(self) -> int:
        return int(self._trial is None)

    def submit(self, trial: Trial) -> None:
        if self._trial is not None:
            raise RuntimeError("submit needs a free slot")
        self._trial = trial

    def wait(self, timeout: float) -> list[tuple[Trial, Outcome]]:
        if self._trial is None:
            return []
        trial, self._trial = self._trial, None
        return [(trial, attempt(self._evaluate, trial))]

    def close(self) -> None:
        self._trial = None
