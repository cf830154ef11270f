"""Trials that go on from a checkpoint, and the checkpoints that they leave."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from policysearch.child.checkpoint import Checkpoint, Keeper
from policysearch.child.checkpoint_store import Checkpointing, CheckpointStore, Stretch
from policysearch.core.errors import CheckpointError, in_one_line
from policysearch.core.trial import Trial
from workers.stops import asked_by


class Train(Protocol):
    """Trains the child of a trial, from a checkpoint or from nothing, and returns its metrics."""

    def __call__(self, trial: Trial, origin: Checkpoint | None, keeper: Keeper | None) -> dict[str, Any]: ...


@dataclass
class TrialKeeper:
    """Keeps the checkpoints of one trial.

    Attributes:
        trial: whose.
        settings: where, how often, and whether the last one is kept.
        clock: gives the seconds.
        name: of the last checkpoint, once it is kept.
        problem: why one could not be written; empty where all were.
    """

    trial: Trial
    settings: Checkpointing
    clock: Callable[[], float] = time.perf_counter
    name: str = ""
    problem: str = ""
    _next: float = field(init=False)
    _begun: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun = self.clock()
        self._next = self._begun + self.settings.every

    def due(self, epoch: int, epochs: int) -> bool:
        """Whether the child is to be kept, or enough time has passed since its last checkpoint."""
        self._begun = self.clock()
        if epoch == epochs:
            return self.settings.keep and epochs < self.settings.end
        return self.settings.every > 0 and self._begun >= self._next

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write the checkpoint; whatever goes wrong with it costs no trial."""
        try:
            self._write(checkpoint)
        except OSError as error:
            self.problem = f"its checkpoint could not be written: {error.strerror or error}"
        except Exception as error:  # such as the extra state of the user's own network, which cannot be saved
            self.problem = f"its checkpoint could not be made: {in_one_line(error)[:300]}"
        ended = self.clock()
        cost = ended - self._begun  # since it was due: to copy the state takes time too
        self._next = ended + max(self.settings.every, cost / self.settings.share)

    def _write(self, checkpoint: Checkpoint) -> None:
        """Keep the checkpoint where it is the last one; it has its name even if there is no room for its content."""
        content, store = checkpoint.to_bytes(), self.settings.store
        if checkpoint.epoch < self.trial.epochs:
            store.hold(self.trial, content)
            return
        self.name = store.note(content, Stretch.of(self.trial))
        store.put(self.name, content)


@dataclass
class Continuation:
    """Trains trials from the best checkpoint that there is: their own, their parent's, or one that is made again.

    The metric `checkpoint_lost` says in a sentence what could not be written or used.

    Attributes:
        train: trains a child.
        settings: what is kept; None: nothing is.
    """

    train: Train
    settings: Checkpointing | None
    _ended: Trial | None = None

    def __call__(self, trial: Trial) -> dict[str, Any]:
        """Train the child of a trial; returns its metrics and, where it was kept, the name of its `checkpoint`."""
        if self.settings is None:
            problems = [f"trial {trial.number} is to go on from trial {trial.parent}, and checkpoints are off"]
            return _noted(self.train(trial, None, None), problems if trial.begin else [])

        store = self.settings.store
        if self._ended is not None:  # by now its outcome is recorded
            store.release(self._ended)
        keeper = TrialKeeper(trial, self.settings)
        try:
            metrics = self._trained(trial, keeper, store)
        except Exception:  # it would go wrong again after the same epochs
            store.release(trial)
            raise
        self._ended = trial
        return metrics | ({"checkpoint": keeper.name} if keeper.name else {})

    def _trained(self, trial: Trial, keeper: TrialKeeper, store: CheckpointStore) -> dict[str, Any]:
        problems: list[str] = []
        metrics: dict[str, Any] | None = None
        for origin_of in (_from_itself, _from_its_parent, self._made_again):
            try:
                origin, again = origin_of(trial, store)
                if origin is None:
                    continue
                metrics = self.train(trial, origin, keeper)
                metrics["trained_epochs"] += again
                metrics["continued_from"] -= again
                break
            except CheckpointError as error:
                problems.append(str(error))
        if metrics is None:
            metrics = self.train(trial, None, keeper)
        return _noted(metrics, problems, keeper.problem)

    def _made_again(self, trial: Trial, store: CheckpointStore) -> tuple[Checkpoint | None, int]:
        """The parent's checkpoint, trained again along its lineage, and the epochs that this took."""
        origin, again = None, 0
        for stretch in _missing(store, store.lineage(trial.checkpoint)):
            if again == 0 and stretch.origin:
                origin = Checkpoint.from_bytes(store.content(stretch.origin))
            keeper = _InMemory(stretch.end)
            with asked_by(None):  # whether to go on is asked of the trial itself
                self.train(stretch.trial(), origin, keeper)
            origin, again = keeper.checkpoint, again + stretch.end - stretch.begin
        return origin, again


@dataclass
class _InMemory:
    """Keeps the last checkpoint of a training, and no other."""

    last: int
    checkpoint: Checkpoint | None = None

    def due(self, epoch: int, epochs: int) -> bool:
        return epoch == self.last

    def keep(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint


def _from_itself(trial: Trial, store: CheckpointStore) -> tuple[Checkpoint | None, int]:
    """What an attempt of the trial left that was cut off."""
    content = store.held(trial)
    return (None if content is None else Checkpoint.from_bytes(content)), 0


def _from_its_parent(trial: Trial, store: CheckpointStore) -> tuple[Checkpoint | None, int]:
    """What the trial is to go on from."""
    if not trial.begin:
        return None, 0
    if not trial.checkpoint:
        raise CheckpointError(f"trial {trial.parent} kept no checkpoint")
    origin = Checkpoint.from_bytes(store.content(trial.checkpoint))
    if origin.epoch != trial.begin:
        raise CheckpointError(
            f"checkpoint {trial.checkpoint} is of epoch {origin.epoch}, and the trial begins at {trial.begin}"
        )
    return origin, 0


def _missing(store: CheckpointStore, lineage: list[Stretch]) -> list[Stretch]:
    """The stretches of a lineage that follow the last checkpoint that is still there."""
    missing: list[Stretch] = []
    for stretch in reversed(lineage):
        missing.insert(0, stretch)
        with suppress(CheckpointError):
            if stretch.origin and store.content(stretch.origin):
                break
    return missing


def _noted(metrics: dict[str, Any], problems: Sequence[str], unwritten: str = "") -> dict[str, Any]:
    """The metrics with what was lost, as one sentence."""
    lost = f"{'; '.join(problems)}: {metrics['trained_epochs']} epochs were trained" if problems else ""
    sentence = "; ".join(filter(None, [lost, unwritten]))
    return {**metrics, "checkpoint_lost": sentence} if sentence else metrics
