"""A listener that reports every finished pull to trackers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from policysearch.experiments.search.tracking.addresses import without_user
from policysearch.rules import Tally
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rows import COMPLETE, PRUNED, RUNNING, Row

Listener = Callable[[Any], None]
_METRICS = ("accuracy", "loss")
_FIDELITIES = 16  # more than a search can have


class Tracker(Protocol):
    """Something that keeps figures of a search by pull."""

    def pull(self, phase: str, row: Row, figures: Mapping[str, float]) -> None:
        """Log a finished trial at step `row.number`; trials finish in any order, and may be reported again."""

    def close(self, folder: Path, ended: bool) -> None:
        """Stop; `ended` says whether the search was completed, so that its files are in the folder."""


Opened = Callable[[], Tracker]
"""What opens a tracker; it may fail as the tracker itself may."""


@contextmanager
def followed(
    openers: Mapping[str, Opened], folder: Path, records: Mapping[str, OptunaTrialStore], listener: Listener
) -> Iterator[Listener]:
    """Report trials to trackers while a search runs, and close the trackers at the end.

    Trials that the records hold already are reported first.

    Args:
        openers: what opens each tracker, by the tracker's name.
        folder: the run's.
        records: the trials by phase.
        listener: called with every status, after the trackers.

    Yields:
        the listener for the search to call.
    """
    if not openers:
        yield listener
        return
    following = _Following(openers, folder, records)
    following.catch_up()

    def report(status: Any) -> None:
        following.catch_up()
        listener(status)

    ended = False
    try:
        yield report
        following.catch_up()
        ended = True
    finally:
        following.close(ended)


class _Following:
    """Open trackers; one that fails gets one warning, and no further trials."""

    def __init__(self, openers: Mapping[str, Opened], folder: Path, records: Mapping[str, OptunaTrialStore]) -> None:
        self._folder = folder
        self._records = records
        self._reported: dict[str, set[int]] = {phase: set() for phase in records}
        self._tallies: dict[str, Tally] = {phase: Tally(_FIDELITIES) for phase in records}
        self._trackers: dict[str, Tracker] = {}
        for name, opened in openers.items():
            with self._alone(name):
                self._trackers[name] = opened()

    def catch_up(self) -> None:
        """Report every finished trial that has not been reported."""
        for phase, record in self._records.items():
            for row in record.rows:
                if row.state != RUNNING and row.number not in self._reported[phase]:
                    self._reported[phase].add(row.number)
                    self._report(phase, row)

    def _report(self, phase: str, row: Row) -> None:
        tally = self._tallies[phase]
        tally.start(row.pull)
        if row.state == PRUNED:
            tally.prune(row.pull)
        else:
            tally.finish(row.pull, row.reward)
        best_arm = tally.best()
        figures = scalars(row, best_arm[1] if best_arm else None)
        for name, tracker in list(self._trackers.items()):
            with self._alone(name):
                tracker.pull(phase, row, figures)

    def close(self, ended: bool) -> None:
        for name, tracker in list(self._trackers.items()):
            with self._alone(name):
                tracker.close(self._folder, ended)

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # a server that is away, a full disk, a library's own fault
            self._trackers.pop(name, None)
            reason = without_user(" ".join(str(error).split()))[:200]
            message = f"{name} gets no more of this search, which goes on: {type(error).__name__}: {reason}"
            warnings.warn(message, stacklevel=1)


def scalars(row: Row, best: float | None) -> dict[str, float]:
    """The figures of a finished trial; one that failed or was pruned has its time only.

    Args:
        row: the trial.
        best: the best mean of any arm by now.
    """
    figures = {"worker_seconds": row.seconds}
    if row.state == COMPLETE and row.reward is not None:
        figures["reward"] = row.reward
        figures |= {name: float(row.outcome.metrics[name]) for name in _METRICS if name in row.outcome.metrics}
    return figures | ({} if best is None else {"best_mean": best})
