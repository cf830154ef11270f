"""A pool of one worker that is this process itself: the reference for the others, and for debugging."""

from __future__ import annotations

from policysearch.core.trial import Curve, Judge, Outcome, Trial
from workers.evaluate import Setup, attempt
from workers.stops import Ask, JudgeFailed


class InProcessPool:
    """Evaluates each trial when it is waited for. A deadline cannot be enforced here, and is not."""

    def __init__(self, setup: Setup) -> None:
        self._evaluate = setup()
        self._trial: Trial | None = None
        self._judge: Judge | None = None

    @property
    def free_slots(self) -> int:
        return int(self._trial is None)

    def submit(self, trial: Trial) -> None:
        if self._trial is not None:
            raise RuntimeError("submit needs a free slot")
        self._trial = trial

    def follow(self, judge: Judge | None) -> None:
        """From now on ask at each checkpoint of a trial whether it goes on; None asks nobody."""
        self._judge = judge

    def wait(self, timeout: float) -> list[tuple[Trial, Outcome]]:
        if self._trial is None:
            return []
        trial, self._trial = self._trial, None
        try:
            return [(trial, attempt(self._evaluate, trial, self._ask(trial)))]
        except JudgeFailed as failure:
            assert failure.__cause__ is not None
            raise failure.__cause__ from None

    def _ask(self, trial: Trial) -> Ask | None:
        judge = self._judge
        if judge is None:
            return None

        def ask(curve: Curve) -> str:
            try:
                return judge(trial, curve)
            except Exception as error:  # such as a storage that is lost
                raise JudgeFailed from error

        return ask

    def close(self) -> None:
        self._trial = None
