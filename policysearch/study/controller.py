"""The loop: ask, submit, wait, tell. It knows neither torch nor Ray nor Optuna."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from policysearch.core.trial import Judge, Outcome, Trial

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where trials come from and outcomes go to."""

    def ask(self) -> Trial | None:
        """Start the next trial, or None when there is no more."""

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Record a trial's end."""

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        """Record a failed attempt; returns the trial's next attempt."""


class Pool(Protocol):
    """Workers that evaluate trials; the conformance class in tests/ says what each must do."""

    @property
    def free_slots(self) -> int:
        """How many trials can be submitted now."""

    def submit(self, trial: Trial) -> None:
        """Give a trial to a free worker."""

    def wait(self, timeout: float) -> list[tuple[Trial, Outcome]]:
        """Outcomes that have arrived, after at most `timeout` seconds."""


class PruningPool(Pool, Protocol):
    """A pool whose trials can be stopped at their checkpoints."""

    def follow(self, judge: Judge | None) -> None:
        """From now on ask at each checkpoint of a trial whether it goes on; None asks nobody."""


@contextmanager
def judged(pool: PruningPool, judge: Judge | None) -> Iterator[None]:
    """For as long as this lasts, trials of a pool that a judge would not go on with are stopped; None judges none."""
    if judge is None:
        yield
        return
    pool.follow(judge)
    try:
        yield
    finally:
        pool.follow(None)


def run(
    source: Source,
    pool: Pool,
    unfinished: Iterable[Trial] = (),
    retries: int = 1,
    progress: Callable[[], object] = lambda: None,
) -> None:
    """Keep the pool busy until the source has no more trials and all have ended.

    Args:
        source: gives trials, takes outcomes.
        pool: evaluates them; it is not closed here.
        unfinished: trials of an earlier run to be evaluated first, under their own numbers.
        retries: how often a failed trial is tried again before its failure is recorded as its outcome.
        progress: called after every recorded outcome and at least once a second.
    """
    queue = deque(unfinished)
    in_flight = 0
    while True:
        while pool.free_slots > 0:
            trial = queue.popleft() if queue else source.ask()
            if trial is None:
                break
            _log.debug("trial %d: %s, %d images x %d epochs", trial.number, trial.arm, trial.images, trial.epochs)
            pool.submit(trial)
            in_flight += 1
        if not in_flight:
            return
        for trial, outcome in pool.wait(1.0):
            in_flight -= 1
            if outcome.error and trial.attempt < retries:
                _log.info("trial %d is tried again: %s", trial.number, outcome.error)
                queue.append(source.attempt_failed(trial, outcome))
            else:
                source.tell(trial, outcome)
        progress()
