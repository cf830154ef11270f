"""One short training of a child network under one policy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from policysearch.child.device_data import DeviceData
from policysearch.child.out_of_memory import OutOfMemory, evaluation_batch, out_of_memory
from policysearch.child.recipe import Recipe
from policysearch.child.training_metrics import metrics_of
from policysearch.child.training_run import TrainingRun
from policysearch.child.training_spec import ChildError, Metrics, TrainingSpec
from policysearch.child.warm_start import Bases, affinity
from policysearch.core.errors import in_one_line
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset


def train(
    policy: Policy,
    data: DeviceData,
    factory: Callable[[], nn.Module],
    *,
    images: int,
    epochs: int,
    seed: int,
    recipe: Recipe,
    **options: Any,
) -> Metrics:
    """Train a classifier: `train_classifier` of a `TrainingSpec`, whose attributes are these arguments.

    Args:
        policy, data, factory, images, epochs, seed, recipe: as the attributes of `TrainingSpec`.
        options: its other attributes.
    """
    return train_classifier(TrainingSpec(policy, data, factory, images, epochs, seed, recipe, **options))


def train_classifier(spec: TrainingSpec) -> Metrics:
    """Train a network on a stratified subset and measure it on the validation part.

    Args:
        spec: the child.

    Returns:
        accuracy, correct, balanced_accuracy, loss, entropy, ece, most_predicted, reciprocal_rank, worst_class,
        macro_f1 and top_5 on validation (see `scores`); class_counts, [right, images] of each class there;
        train_accuracy, train_loss on the clean subset; accuracy_gap (train - validation), loss_gap (validation -
        train); augmented_train_loss (mean `soft_loss` of the last epoch); curve, a list of {epoch, accuracy, loss};
        reliability, the bins of ece on validation;
        seconds, augmentation_seconds, step_seconds, evaluation_seconds (on CUDA, where work is queued, the parts are
        rough and only the total is exact);
        images_per_second (trained images over `seconds`); trained_epochs and continued_from, the epochs of this call
        and those that the child had behind it (the seconds count those too); peak_memory_mb, the process's so far (on
        CUDA, the device memory of this child); severity, the mean of 1 - visibility over 256 images; with
        `base_epochs` also affinity and density_loss (see `warm_start.affinity`) and base_seconds, which is not in
        seconds; under an adaptive policy also magnitude_share, where in their ranges magnitudes lay in the last epoch,
        a mean in [0, 1] (severity, affinity and density_loss are those of magnitudes drawn evenly).

    Raises:
        CheckpointError: `spec.origin` is of another network, recipe or size.
        ChildError: a loss, in training or evaluation, is no longer finite; memory ran out (the message names the
            batch that fits); or torch.compile failed.
        UserError: a precision that the device does not have.
    """
    based = spec.recipe.base_epochs > 0
    return with_plain_errors(spec, lambda: _fine_tuned(spec) if based else completed(TrainingRun(spec))[0])


def with_plain_errors(spec: TrainingSpec, work: Callable[[], Metrics]) -> Metrics:
    """Do the work of a training; what torch says of memory and of its compiler becomes a sentence.

    Args:
        spec: of the training; its factory makes what takes as much memory as the network that is trained.
        work: the training.

    Raises:
        ChildError: memory ran out (the message names the batch that fits), or torch.compile failed.
    """
    try:
        return work()
    except OutOfMemory:
        pass  # once the handler is left, what the training held is free
    except Exception as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        reason = in_one_line(error)[:300]
        raise ChildError(f"torch.compile failed, leave out --compile: {reason}") from None
    raise ChildError(out_of_memory(spec.data, spec.factory, spec.recipe))


def _fine_tuned(spec: TrainingSpec) -> Metrics:
    """Train on from the replicate's base, which is trained first if it is not there.

    A child that is continued has its base behind it, and keeps what was measured of its policy there.
    """
    if spec.origin is not None and spec.origin.seed == spec.seed:
        effects = dict(spec.origin.state.get("effects", {}))
        return {**completed(TrainingRun(replace(spec, effects=effects)))[0], **effects}

    plain = spec.recipe.model_copy(update={"schedule": "one-cycle", "averaging": 0.0, "checkpoints": 1})
    work = replace(
        spec,
        policy=preset("identity"),
        epochs=spec.recipe.base_epochs,
        recipe=plain,
        loss=None,
        examine=None,
        follow=None,
        origin=None,
        keeper=None,
        keep=None,
    )
    bases = spec.bases or Bases()
    network, seconds = bases.of((spec.images, spec.seed), lambda: completed(TrainingRun(work))[1])
    effects = affinity(spec.policy, spec.data, network, evaluation_batch(spec.recipe), spec.seed)
    effects["base_seconds"] = seconds
    run = TrainingRun(replace(spec, factory=lambda: network, effects=effects))
    return {**completed(run)[0], **effects}


def completed(run: TrainingRun) -> tuple[Metrics, nn.Module]:
    """Train a run from its beginning, or from its checkpoint, to its end.

    Args:
        run: fresh.

    Returns:
        The metrics of `train_classifier`, and the network.

    Raises:
        ChildError: a loss is not finite.
    """
    spec = run.spec
    device, read_out = run.device, spec.recipe.schedule == "trunk"
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(spec.seed)
        if spec.origin is None:
            run.begin()
        else:
            run.go_on(spec.origin)
        for epoch in range(run.begun + 1, spec.epochs + 1):
            run.epoch(epoch)
            if epoch in run.checkpoints and not (read_out and epoch == spec.epochs):
                run.validate(epoch)
                if spec.follow is not None:
                    spec.follow(run.curve)
            if spec.keeper is not None and spec.keeper.due(epoch, spec.epochs):
                spec.keeper.keep(run.checkpoint())
        if read_out:
            run.read_out()
            run.validate(run.done)
        elif not run.curve or run.curve[-1]["epoch"] != run.done:
            run.validate(run.done)
        train_scores = run.finish()
        examined = run.examine()

    last = run.validation["loss"]
    if not math.isfinite(last + train_scores["loss"]):
        raise ChildError(f"diverged: loss is {last} on validation, {train_scores['loss']} on the clean subset")
    if spec.keep is not None:
        spec.keep(run.learner.judged.eval())
    return {**metrics_of(run, train_scores), **examined}, run.learner.network
