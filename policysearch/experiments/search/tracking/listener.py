"""A listener that tells trackers of every pull that ended."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from policysearch.experiments.search.tracking.addresses import without_user
from policysearch.rules import Tally
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rows import COMPLETE, RUNNING, Row

Listener = Callable[[Any], None]
_METRICS = ("accuracy", "loss")
_FIDELITIES = 16  # more than a search can have


class Tracker(Protocol):
    """Something that keeps figures of a search by pull."""

    def pull(self, phase: str, row: Row, figures: Mapping[str, float]) -> None:
        """A trial has ended; its step is `row.number`, in whichever order trials end and however often it is told."""

    def close(self, folder: Path, ended: bool) -> None:
        """The search stops; `ended`: it came to its end, and its files are in the folder."""


Opened = Callable[[], Tracker]
"""What opens a tracker; it may fail as the tracker itself may."""


@contextmanager
def followed(
    openers: Mapping[str, Opened], folder: Path, records: Mapping[str, OptunaTrialStore], listener: Listener
) -> Iterator[Listener]:
    """The listener, which tells the trackers too, first of what the records hold already; they are closed at the end.

    Args:
        openers: how each tracker is opened, by its name.
        folder: the run's.
        records: by phase.
        listener: told every status as before.
    """
    if not openers:
        yield listener
        return
    following = _Following(openers, folder, records)
    following.catch_up()

    def tell(status: Any) -> None:
        following.catch_up()
        listener(status)

    ended = False
    try:
        yield tell
        following.catch_up()
        ended = True
    finally:
        following.close(ended)


class _Following:
    """Trackers that are at work; one that fails is told of once, and left alone from then on."""

    def __init__(self, openers: Mapping[str, Opened], folder: Path, records: Mapping[str, OptunaTrialStore]) -> None:
        self._folder = folder
        self._records = records
        self._told: dict[str, set[int]] = {phase: set() for phase in records}
        self._tallies: dict[str, Tally] = {phase: Tally(_FIDELITIES) for phase in records}
        self._trackers: dict[str, Tracker] = {}
        for name, opened in openers.items():
            with self._alone(name):
                self._trackers[name] = opened()

    def catch_up(self) -> None:
        """Tell of every trial that ended and was not told of."""
        for phase, record in self._records.items():
            for row in record.rows:
                if row.state != RUNNING and row.number not in self._told[phase]:
                    self._told[phase].add(row.number)
                    self._tell(phase, row)

    def _tell(self, phase: str, row: Row) -> None:
        tally = self._tallies[phase]
        tally.start(row.pull)
        tally.finish(row.pull, row.reward)
        found = tally.best()
        figures = scalars(row, found[1] if found else None)
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
            told = f"{name} is told no more of this search, which goes on: {type(error).__name__}: {reason}"
            warnings.warn(told, stacklevel=1)


def scalars(row: Row, best: float | None) -> dict[str, float]:
    """The figures of a trial that ended; of a failed one its time alone.

    Args:
        row: the trial.
        best: the best mean of any arm by now.
    """
    figures = {"worker_seconds": row.seconds}
    if row.state == COMPLETE and row.reward is not None:
        figures["reward"] = row.reward
        figures |= {name: float(row.outcome.metrics[name]) for name in _METRICS if name in row.outcome.metrics}
    return figures | ({} if best is None else {"best_mean": best})
