"""How long what is left of an experiment takes, by what its trainings have taken so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import fmean

from policysearch.experiments.observer import Work
from policysearch.experiments.search.ablation import most_ablated
from policysearch.experiments.search.summary import most_finalists
from policysearch.study.density_settings import density_settings
from policysearch.study.ladder import longest_pull
from policysearch.study.rows import RUNNING


class Pace:
    """The pace of a phase.

    Args:
        work: the phase.
        timer: gives seconds that never run backwards.
    """

    def __init__(self, work: Work, timer: Callable[[], float] = time.monotonic) -> None:
        self._work = work
        self._timer = timer
        self._start = timer()
        self._before = self._ended()

    def _ended(self) -> int:
        return sum(row.state != RUNNING for row in self._work.store.rows)

    def seconds_left(self) -> float | None:
        """Seconds on the clock until all is trained; None while no training of this attempt has ended."""
        ended = self._ended()
        if ended == self._before:
            return None
        if self._work.phase == "search" and density_settings(self._work.config.strategy):
            return self._seconds_by_folds()
        one = (self._timer() - self._start) / (ended - self._before)
        left = max(0, self._work.total - ended) * one
        if self._work.phase == "search":
            left += self._confirmations() * one * self._relative_cost()
        return left

    def _seconds_by_folds(self) -> float | None:
        """The same where most pulls train nothing: by the worker-seconds of either kind; None before both are known."""
        config, rows = self._work.config, self._work.store.rows
        density = density_settings(config.strategy)
        assert density is not None
        trained, evaluated = (
            [row.seconds for row in part if row.state != RUNNING]
            for part in (rows[: density.folds], rows[density.folds :])
        )
        if not trained or not evaluated:
            return None
        left = (self._work.total - density.folds - len(evaluated)) * fmean(evaluated)
        left += self._confirmations() * fmean(trained) * self._relative_cost()
        return max(0.0, left) / max(1, config.workers or 1)

    def _confirmations(self) -> int:
        """Trainings of the confirmation and of an ablation, at most: a finalist may be a fixed policy."""
        config, space = self._work.config, self._work.store.space
        confirmed = config.confirm * most_finalists(config, len(space.free))
        return confirmed + config.ablate * most_ablated(config, space)

    def _relative_cost(self) -> float:
        """What a training of the confirmation costs, in pulls of the search."""
        images, epochs = self._work.config.last_fidelity
        of_pull = longest_pull(self._work.config)
        return images * epochs / (of_pull[0] * of_pull[1])

    def worker_seconds(self) -> float:
        """Worker-seconds of all trainings of the experiment that have ended, earlier attempts included."""
        return sum(row.seconds for store in self._work.stores.values() for row in store.rows)
