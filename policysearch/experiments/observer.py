"""A listener that also follows every training of an experiment, and may let it rest before its trials are used up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from policysearch.core.trial import Trial
from policysearch.datasets.dataset import Dataset
from policysearch.experiments.progress import Status
from policysearch.study.config import SearchConfig
from policysearch.study.controller import Source
from policysearch.study.optuna_store import OptunaTrialStore


@dataclass(frozen=True)
class Work:
    """An experiment at work in one of its phases.

    Attributes:
        phase: "search", "confirm", "evaluate", "grid" or "record".
        config: its settings, resolved.
        store: the phase's trials, in memory as they are recorded.
        stores: those of all phases.
        total: trials of the phase in all.
        unfinished: trials of an earlier run that are trained first.
        dataset: the data, where the session has loaded them.
    """

    phase: str
    config: SearchConfig
    store: OptunaTrialStore
    stores: Mapping[str, OptunaTrialStore]
    total: int
    unfinished: Sequence[Trial] = ()
    dataset: Dataset | None = None


@runtime_checkable
class Observer(Protocol):
    """A listener, called with every `Status`, that is also asked to follow the trainings of each phase.

    An experiment that is given one as its listener calls it; nothing that it does changes a reward.
    """

    def __call__(self, status: Status) -> None:
        """Take notice of how far the experiment is."""

    def watch(self, work: Work, source: Source) -> Source:
        """The source of a phase's trials that is used instead of `source`, before the first of them is trained."""

    def leave(self, phase: str) -> None:
        """Take notice that all trials of a phase have ended; what is raised here ends the experiment."""
