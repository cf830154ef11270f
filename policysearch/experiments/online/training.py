"""The training of an online search: stretch by stretch, each recorded, from the last checkpoint on."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from policysearch.child.fine_tuning.start import Start, network_factory, with_normalisation
from policysearch.core.errors import CheckpointError, RunFailed, in_one_line
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Outcome, Trial
from policysearch.datasets.split import split
from policysearch.experiments.online.pace import Forecast, LastCheckpoint
from policysearch.experiments.online.prepare import Prepared
from policysearch.experiments.online.schedule import stage_policy
from policysearch.policy.policy import Policy
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rows import RUNNING, Row
from policysearch.study.stretch_metrics import reads_validation

if TYPE_CHECKING:
    from policysearch.child.stretches import StretchRun

CHECKPOINT = "checkpoint.pt"
"""What the training goes on from; it is removed when the search has ended."""
NETWORK = "network.pt"


def train_online(
    prepared: Prepared, store: OptunaTrialStore, progress: Callable[[int], object], say: Callable[[str], object]
) -> dict[str, Any]:
    """Train the network to its end, record every stretch, and write the network's file.

    What is recorded is never chosen anew: from the last checkpoint to the end of the record the network is trained
    again under the recorded policies, on CPU to the same weights.

    Args:
        prepared: the search.
        store: its record.
        progress: called with the number of stretches done, after each.
        say: called with what a person should know meanwhile.

    Returns:
        Metrics of the network at its end, as `policysearch.child.training.train` gives them.

    Raises:
        RunFailed: the training diverged, or memory ran out.
    """
    import torch

    from policysearch.child.threads import one_thread

    seed = child_seed(prepared.config.seed, 0)
    cuda = [torch.device(prepared.config.device)] if prepared.config.device.startswith("cuda") else []
    with one_thread(), torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        training = _Training(prepared, store, seed)
        with training.failures_in_a_sentence():
            training.begin()
            training.go_through(progress, say)
            return training.end()


class _Training:
    """One training at work."""

    def __init__(self, prepared: Prepared, store: OptunaTrialStore, seed: int) -> None:
        import torch

        from policysearch.child.device_data import on_device
        from policysearch.child.networks import memory_format_of

        config, dataset = prepared.config, prepared.dataset
        self._prepared, self._store, self._seed = prepared, store, seed
        classes = len(dataset.classes)
        start = Start.of(config.weights, config.normalisation)
        self._factory, normalisation = network_factory(config.model, dataset.shape, classes, start)
        memory_format = memory_format_of(self._factory, dataset.shape, classes)
        sides = split(dataset, config.validation, config.split_seed)
        data = on_device(dataset, sides, torch.device(config.device), memory_format)
        self._data = with_normalisation(data, normalisation)
        self._writes = LastCheckpoint(prepared.folder.path / CHECKPOINT)
        self._validates = reads_validation(prepared.reward)
        torch.manual_seed(seed)  # to find the memory format, a network was made

    def _new_run(self) -> StretchRun:
        from policysearch.child.stretches import StretchRun
        from policysearch.child.training_spec import TrainingSpec

        config = self._prepared.config
        first = self._prepared.space.arms(config.seed)[0].policy
        spec = TrainingSpec(first, self._data, self._factory, config.images, config.epochs, self._seed, config.recipe)
        return StretchRun(spec)

    def begin(self) -> None:
        """Make the network, or take up the training of the last checkpoint."""
        import torch

        from policysearch.child.checkpoint import Checkpoint

        self._run = self._new_run()
        content = self._writes.last()
        if content is not None:
            try:
                self._run.go_on(Checkpoint.from_bytes(content))
                return
            except CheckpointError as error:
                warnings.warn(f"{error}: the network is trained again under the recorded policies", stacklevel=2)
                self._run = self._new_run()
                torch.manual_seed(self._seed)
        self._run.begin()

    def go_through(self, progress: Callable[[int], object], say: Callable[[str], object]) -> None:
        """Train all stretches that are left."""
        before = self._run.measured()["loss"] if self._validates else 0.0
        forecast = Forecast(self._prepared.stretches, say)
        for number, stretch in enumerate(self._prepared.stretches):
            if stretch.end <= self._run.step:
                continue
            started = time.monotonic()
            rows = self._rows(number)
            trials = [] if all(row.state != RUNNING for row in rows) and rows else self._started(number)
            policies = [self._by_index(row.arm.policy) for row in self._rows(number)]
            metrics = self._run.stretch(stretch, policies)
            if self._validates:
                before = self._add_validation(metrics, before)
            self._tell(number, trials, metrics, time.monotonic() - started)
            if stretch.end == self._run.step:
                self._writes.write_if_due(lambda: self._run.checkpoint().to_bytes())
            forecast.update(number, stretch, time.monotonic() - started)
            progress(number + 1)

    def _rows(self, number: int) -> list[Row]:
        width = self._prepared.chooser.width
        return self._store.rows[number * width : (number + 1) * width]

    def _started(self, number: int) -> list[Trial]:
        """The trials of a stretch that has no end in the record; a kill may have come between two of them."""
        begun = self._rows(number)
        width = self._prepared.chooser.width
        if len(begun) < width:
            history = self._store if not begun else _Before(self._store, number * width)
            for choice in self._prepared.chooser.choose(history)[len(begun) :]:
                self._store.start(choice)
        return [self._store.trial(row) for row in self._rows(number) if row.state == RUNNING]

    def _add_validation(self, metrics: list[dict[str, float]], before: float) -> float:
        """Add what the stretch did on validation; returns the loss there."""
        scores = self._run.measured()
        for values in metrics:
            values |= {f"validation_{name}": scores[name] for name in ("loss", "accuracy", "entropy")}
            values["validation_gain"] = before - scores["loss"]
        return scores["loss"]

    def _tell(self, number: int, trials: list[Trial], metrics: list[dict[str, float]], seconds: float) -> None:
        width, stretch = self._prepared.chooser.width, self._prepared.stretches[number]
        epochs = (stretch.end - stretch.first) / self._run.batches
        for trial in trials:
            values = {**metrics[trial.number - number * width], "trained_epochs": epochs}
            self._store.tell(trial, Outcome(values, seconds=seconds / width))

    def end(self) -> dict[str, Any]:
        """Measure the network and write its file."""
        from policysearch.child.training_metrics import metrics_of
        from policysearch.child.weights_file import weights_file

        run, prepared = self._run, self._prepared
        scores = run.finish()
        run.spec = replace(run.spec, policy=self._last_policy())
        metrics = metrics_of(run, scores)
        trained = weights_file(
            run.learner.judged,
            self._data,
            model=prepared.config.model,
            shape=prepared.dataset.shape,
            classes=tuple(prepared.dataset.classes),
        )
        trained.save(prepared.folder.path / NETWORK)
        return dict(metrics)

    def _last_policy(self) -> Policy:
        width = self._prepared.chooser.width
        return stage_policy([self._by_index(row.arm.policy) for row in self._store.rows[-width:]])

    def _by_index(self, policy: Policy) -> Policy:
        """The policy with the indices of the data's classes."""
        return policy.for_classes(self._prepared.dataset.classes)

    @contextmanager
    def failures_in_a_sentence(self) -> Iterator[None]:
        """Say what a person can do where the training cannot go on."""
        from policysearch.child.out_of_memory import OutOfMemory, out_of_memory
        from policysearch.child.training_spec import ChildError

        try:
            yield
            return
        except OutOfMemory:
            pass  # once the handler is left, what the training held is free
        except ChildError as error:
            raise RunFailed(f"the training {error}: begin another with a lower --rate, or a milder --space") from None
        except Exception as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            reason = in_one_line(error)
            raise RunFailed(f"torch.compile failed, leave out --compile: {reason}") from None
        raise RunFailed(out_of_memory(self._data, self._factory, self._prepared.config.recipe))


@dataclass(frozen=True)
class _Before:
    """The record as it was before a stretch was begun."""

    store: OptunaTrialStore
    count: int

    @property
    def seed(self) -> int:
        return self.store.seed

    @property
    def rows(self) -> list[Row]:
        return self.store.rows[: self.count]

    @property
    def tally(self) -> Any:
        return self.store.tally
