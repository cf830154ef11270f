"""From a trial to an outcome: what every pool runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from policysearch.child.checkpoint_store import Checkpointing
from policysearch.child.confusion_task import is_confusion_task
from policysearch.child.fine_tuning.start import Start, network_factory, with_normalisation
from policysearch.child.fold_task import FoldTask
from policysearch.child.recipe import Recipe
from policysearch.child.variant import Variant
from policysearch.core.errors import in_one_line
from policysearch.core.tasks import CLASSIFICATION
from policysearch.core.trial import Curve, Outcome, Trial
from policysearch.core.user_code import import_all
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.folds import folds_of_rows
from policysearch.datasets.load import opened
from policysearch.datasets.split import split
from policysearch.policy.losses import parse_loss
from policysearch.policy.policy import Policy
from workers.curves import curve_writer
from workers.stops import Ask, Stopped, asked_by, at_checkpoint

if TYPE_CHECKING:
    from policysearch.child.checkpoint import Checkpoint, Keeper
    from policysearch.child.device_data import DeviceData
    from policysearch.child.held_out import HeldOut

Evaluate = Callable[[Trial], dict[str, Any]]
"""Trains one child and returns its metrics; raises when it cannot."""

Setup = Callable[[], Evaluate]
"""Called once in each worker, before its first trial; picklable."""


@dataclass(frozen=True)
class ChildSetup:
    """Everything a worker must know once: data, split, network, recipe, device, and the modules that register
    operations. Opens the data when called.

    `data` is a data set's handle, good on this machine, or the data set itself, good on any. `test` lets children be
    judged on the test part too; without it, it is out of their reach. `checkpoints` says what is kept of children;
    None: nothing is. `further` are metrics that are measured besides (see `train`). `task` is what they learn.
    `start` are the weights that they begin with; None: random ones.
    """

    data: str | Dataset
    validation: int | None
    split_seed: int
    model: str
    recipe: Recipe
    device: str
    operations: str | None = None
    test: bool = False
    checkpoints: Checkpointing | None = None
    further: tuple[str, ...] = ()
    task: str = CLASSIFICATION
    start: Start | None = None

    def __call__(self) -> Evaluate:
        import torch

        from policysearch.child.device_data import on_device
        from policysearch.child.held_out import HeldOut
        from policysearch.child.out_of_memory import evaluation_batch
        from policysearch.child.threads import one_thread
        from policysearch.child.trainers import outputs_of, training_of
        from policysearch.child.training_spec import TrainingSpec
        from policysearch.child.warm_start import Bases
        from workers.continuation import Continuation
        from workers.variants import train_variant

        import_all(self.operations)
        dataset = opened(self.data) if isinstance(self.data, str) else self.data
        training = training_of(self.task)
        outputs = outputs_of(self.task, dataset)
        factory, normalisation = network_factory(self.model, dataset.shape, outputs, self.start)
        with one_thread():
            memory_format = training.memory_format(factory, dataset.shape, outputs)
        sides = split(dataset, self.validation, self.split_seed)
        data = on_device(dataset, sides, torch.device(self.device), memory_format)
        data = with_normalisation(data, normalisation)
        batch = evaluation_batch(self.recipe)
        exam: Any = training.exam(dataset, data.images.device, batch) if self.test else None
        bases = Bases()
        held_out = HeldOut(data, partial(folds_of_rows, dataset, sides.train), factory, self.recipe)

        def trained(trial: Trial, **options: Any) -> dict[str, Any]:
            spec = TrainingSpec(
                _policy(trial, dataset),
                data,
                factory,
                images=trial.images,
                epochs=trial.epochs,
                seed=trial.seed,
                recipe=self.recipe,
                loss=parse_loss(json.loads(trial.loss)) if trial.loss else None,
                examine=partial(exam, data, seed=trial.seed) if exam else None,
                follow=_follower(trial),
                begin=trial.begin,
                bases=bases,
                further=self.further,
            )
            with one_thread():
                return training.train(replace(spec, **options))

        def continued(trial: Trial, origin: Checkpoint | None, keeper: Keeper | None) -> dict[str, Any]:
            return trained(trial, origin=origin, keeper=keeper)

        varied = partial(train_variant, trained, data, exam, self.recipe)

        def counted(trial: Trial) -> dict[str, Any]:
            return _with_mistakes(trained, trial, data, batch)

        policy_of = partial(_policy, dataset=dataset)
        return _by_task(policy_of, held_out, varied, counted, Continuation(continued, self.checkpoints))


def _with_mistakes(
    trained: Callable[..., dict[str, Any]], trial: Trial, data: DeviceData, batch: int
) -> dict[str, Any]:
    """The metrics of a trial, and which classes its network takes for which on validation."""
    from policysearch.child.confusion import Mistakes, mistakes

    counts: Mistakes = {}

    def examine(answers: Any) -> dict[str, float]:
        counts.update(mistakes(answers, data, batch))
        return {}

    return {**trained(trial, examine=examine), "mistakes": counts}


def _policy(trial: Trial, dataset: Dataset) -> Policy:
    """The policy of a trial, its classes by index."""
    return Policy.from_dict(json.loads(trial.policy)).for_classes(dataset.classes)


def _by_task(
    policy_of: Callable[[Trial], Policy],
    held_out: HeldOut,
    varied: Callable[[Trial, Variant], dict[str, Any]],
    counted: Evaluate,
    train: Evaluate,
) -> Evaluate:
    """Trials without a task are trained; those with one are scored on a fold, or trained in a way of their own."""
    from policysearch.child.threads import one_thread

    def evaluate(trial: Trial) -> dict[str, Any]:
        if not trial.task:
            return train(trial)
        if is_confusion_task(trial.task):
            return counted(trial)
        variant = Variant.from_json(trial.task)
        if variant is not None:
            return varied(trial, variant)
        policy, task = policy_of(trial), FoldTask.from_json(trial.task)
        with one_thread():
            return held_out.measure(policy, task, images=trial.images, epochs=trial.epochs, seed=trial.seed)

    return evaluate


def _follower(trial: Trial) -> Callable[[Curve], None]:
    """What a child does at its checkpoints: show its curve to who watches, and ask whether to go on."""
    write = curve_writer(trial)

    def follow(curve: Curve) -> None:
        if write is not None:
            write(curve)
        at_checkpoint(trial, curve)

    return follow


def attempt(evaluate: Evaluate, trial: Trial, ask: Ask | None = None) -> Outcome:
    """Evaluate a trial; whatever goes wrong in it is an outcome with an error in one line.

    Args:
        evaluate: trains the child.
        trial: what is to be evaluated.
        ask: whether the child is to go on, at each checkpoint but the last; None: it always goes on.
    """
    started = time.monotonic()
    try:
        with asked_by(ask):
            metrics = evaluate(trial)
    except Stopped as stop:
        return Outcome(_of_stopped(trial, stop), seconds=time.monotonic() - started, pruned=stop.reason)
    except (Exception, SystemExit) as error:  # a child may fail in any way, and must not take its worker along
        text = in_one_line(error)
        return Outcome(error=text[:500], seconds=time.monotonic() - started)
    return Outcome(metrics, seconds=time.monotonic() - started)


def _of_stopped(trial: Trial, stop: Stopped) -> dict[str, Any]:
    """What is kept of a child that was stopped."""
    return {"curve": stop.curve, "trained_epochs": int(stop.curve[-1]["epoch"]) - trial.begin}
