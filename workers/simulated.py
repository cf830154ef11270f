"""A pool on a virtual clock: nothing is trained, and the real clock is never read."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import numpy as np

from policysearch.core.trial import Outcome, Trial

Replay = Callable[[Trial], Outcome]
"""What a trial's training comes to; the outcome's seconds are how long it takes, 0 or more."""


@dataclass(frozen=True)
class Hazards:
    """What happens to workers.

    Attributes:
        stragglers: share of attempts that take `slowdown` times as long, in [0, 1].
        slowdown: 1 or more.
        failures: share of attempts that fail, in [0, 1); each after a share of its time drawn evenly.
    """

    stragglers: float = 0.0
    slowdown: float = 5.0
    failures: float = 0.0


class SimulatedPool:
    """Workers that are busy for the seconds an outcome records; outcomes come in the order of their arrival.

    Args:
        replay: gives the outcome of a trial when it is submitted.
        workers: 1 or more.
        hazards: what happens to them.
        rng: draws the hazards, a fixed count of numbers for each submission.
    """

    def __init__(self, replay: Replay, workers: int, hazards: Hazards, rng: np.random.Generator) -> None:
        self._replay = replay
        self._workers = workers
        self._hazards = hazards
        self._rng = rng
        self._order = count()
        self._busy: list[tuple[float, int, Trial, Outcome]] = []
        self.clock = 0.0
        self.busy_seconds = 0.0
        self.failed = 0

    @property
    def free_slots(self) -> int:
        return self._workers - len(self._busy)

    @property
    def utilisation(self) -> float:
        """Share of the time so far in which a worker was busy, over all workers; 1 before any time has passed."""
        under_way = sum(end - self.clock for end, *_ in self._busy)
        return (self.busy_seconds - under_way) / (self._workers * self.clock) if self.clock else 1.0

    def submit(self, trial: Trial) -> None:
        """Give a trial to an idle worker.

        Raises:
            RuntimeError: no slot is free.
        """
        if not self.free_slots:
            raise RuntimeError("submit needs a free slot")
        outcome = self._befallen(self._replay(trial))
        self.busy_seconds += outcome.seconds
        heapq.heappush(self._busy, (self.clock + outcome.seconds, next(self._order), trial, outcome))

    def _befallen(self, outcome: Outcome) -> Outcome:
        fails, straggles, share = self._rng.random(3)
        seconds = outcome.seconds * (self._hazards.slowdown if straggles < self._hazards.stragglers else 1.0)
        if fails < self._hazards.failures:
            self.failed += 1
            return Outcome(error="simulated failure", seconds=seconds * share)
        return outcome if seconds == outcome.seconds else Outcome(outcome.metrics, outcome.error, seconds)

    def wait(self, timeout: float) -> list[tuple[Trial, Outcome]]:
        """The next outcome, however long that takes; the clock moves there. Nothing, if all workers are idle."""
        if not self._busy:
            return []
        self.clock, _, trial, outcome = heapq.heappop(self._busy)
        return [(trial, outcome)]

    def close(self) -> None:
        """Abandon what is under way."""
        self._busy.clear()
