"""One short training of a child network under one policy."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from policysearch.child.batches import Batch, augmented
from policysearch.child.device_data import DeviceData
from policysearch.child.learner import Learner
from policysearch.child.losses import make_loss
from policysearch.child.lr_schedules import SCHEDULES
from policysearch.child.metrics import reliability, scores
from policysearch.child.out_of_memory import OutOfMemory, evaluation_batch, out_of_memory
from policysearch.child.recipe import Recipe
from policysearch.child.test_set import Logits
from policysearch.child.warm_start import Bases, affinity, severity
from policysearch.datasets.split import stratified
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset

Metrics = dict[str, "float | list[dict[str, float]] | list[list[float]]"]


class ChildError(RuntimeError):
    """A training that went wrong by itself, such as a loss that is no longer finite or too little memory."""


@dataclass
class _Clock:
    """Seconds spent on augmentation, on optimiser steps (forward, backward, update) and on evaluation."""

    augmentation: float = 0.0
    steps: float = 0.0
    evaluation: float = 0.0

    def timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches, the time that each takes to come counted as augmentation."""
        mark = time.perf_counter()
        for batch in batches:
            self.augmentation += time.perf_counter() - mark
            yield batch
            mark = time.perf_counter()


def train(
    policy: Policy,
    data: DeviceData,
    factory: Callable[[], nn.Module],
    *,
    images: int,
    epochs: int,
    seed: int,
    recipe: Recipe,
    loss: Loss | None = None,
    examine: Callable[[Logits], dict[str, float]] | None = None,
    bases: Bases | None = None,
) -> Metrics:
    """Train a network on a stratified subset and measure it on the validation part.

    Args:
        policy: the augmentation of every batch.
        data: images on the device.
        factory: makes the untrained network; it may draw from torch's global generator, which is seeded
            here and put back afterwards.
        images: size of the subset, from classes to N.
        epochs: passes over the subset, 1 or more.
        seed: fixes the subset, the first weights, the batch order and the augmentation draws.
        recipe: the optimiser's numbers.
        loss: what is minimised; None is `soft_loss` with the recipe's label smoothing. Every metric stays what it is
            without one.
        examine: called with the trained network; what it gives is added to the metrics. Its time does not count.
        bases: keeps the networks that a recipe with `base_epochs` begins with.

    Returns:
        accuracy, correct, loss, entropy, ece on validation; train_accuracy, train_loss on the clean subset;
        accuracy_gap (train - validation), loss_gap (validation - train); augmented_train_loss (mean `soft_loss`
        of the last epoch); curve, a list of {epoch, accuracy, loss}; reliability, the bins of ece on validation;
        seconds, augmentation_seconds, step_seconds, evaluation_seconds (on CUDA, where work is queued, the parts are
        rough and only the total is exact);
        images_per_second (trained images over `seconds`); peak_memory_mb, the process's so far (on CUDA, the
        device memory of this child); severity, the mean of 1 - visibility over 256 images; with `base_epochs` also
        affinity and density_loss (see `warm_start.affinity`) and base_seconds, which is not in seconds.

    Raises:
        ChildError: a loss, in training or evaluation, is no longer finite; memory ran out (the batch that fits is
            told); or torch.compile failed.
        UserError: a precision that the device does not have.
    """
    job = _Job(policy, data, factory, images, epochs, seed, recipe, loss, examine)
    try:
        return _train(job)[0] if not recipe.base_epochs else _fine_tuned(job, bases or Bases())
    except OutOfMemory:
        pass  # once the handler is left, what the training held is free
    except Exception as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ChildError(f"torch.compile failed, leave out --compile: {reason}") from None
    raise ChildError(out_of_memory(data, factory, recipe))


@dataclass(frozen=True)
class _Job:
    """What `train` was asked for."""

    policy: Policy
    data: DeviceData
    factory: Callable[[], nn.Module]
    images: int
    epochs: int
    seed: int
    recipe: Recipe
    loss: Loss | None
    examine: Callable[[Logits], dict[str, float]] | None


def _fine_tuned(job: _Job, bases: Bases) -> Metrics:
    """Train on from the replicate's base, which is trained first if it is not there."""
    plain = job.recipe.model_copy(update={"schedule": "one-cycle", "averaging": 0.0, "checkpoints": 1})
    work = replace(job, policy=preset("identity"), epochs=job.recipe.base_epochs, recipe=plain, loss=None, examine=None)
    network, seconds = bases.of((job.images, job.seed), lambda: _train(work)[1])
    seen = affinity(job.policy, job.data, network, evaluation_batch(job.recipe), job.seed)
    return {**_train(replace(job, factory=lambda: network))[0], **seen, "base_seconds": seconds}


def _train(job: _Job) -> tuple[Metrics, nn.Module]:
    """The metrics and the network."""
    policy, data, images, epochs, seed = job.policy, job.data, job.images, job.epochs, job.seed
    recipe, loss = job.recipe, job.loss
    started, cpu_before = time.perf_counter(), time.thread_time()
    device = data.images.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    chosen = stratified(data.labels[data.train].cpu().numpy(), images, np.random.default_rng([seed, 0]))
    subset = data.train[torch.from_numpy(chosen).to(device)]
    order = torch.Generator().manual_seed(seed)
    draws = torch.Generator(device).manual_seed(seed + 1)
    plain = make_loss(None, data.classes, device, recipe.label_smoothing)
    objective = make_loss(loss, data.classes, device) if loss else plain
    clock = _Clock()
    curve: list[dict[str, float]] = []
    stops = {round(epochs * (i + 1) / recipe.checkpoints) for i in range(recipe.checkpoints)}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        learner = Learner(job.factory, recipe, device)
        network = learner.network
        batches = math.ceil(images / recipe.batch)
        rate = partial(SCHEDULES[recipe.schedule], total=epochs * batches, warmup=recipe.warmup)
        evaluated = partial(_evaluate, learner, data, evaluation_batch(recipe))
        final: dict[str, float] = {}
        bins: list[list[float]] = []
        step = 0
        for epoch in range(1, epochs + 1):
            network.train()
            total = torch.zeros((), device=device)
            parts = subset[torch.randperm(images, generator=order).to(device)].tensor_split(batches)
            feed = augmented(policy, data, network, parts, step=step, steps=epochs * batches, generator=draws)
            for at, (seen, targets, weights) in enumerate(clock.timed(feed), step):
                mark = time.perf_counter()
                logits = learner.logits(data.normalise(seen))
                value = objective(logits, targets, weights)
                learner.update(value, rate(at))
                clock.steps += time.perf_counter() - mark
                measured = plain(logits.detach(), targets, weights) if loss else value.detach()
                total += measured * len(seen)
            step += batches
            objective.end_epoch()
            if not math.isfinite(total):
                raise ChildError(f"diverged: training loss is {float(total)} in epoch {epoch} of {epochs}")
            if epoch in stops:
                mark = time.perf_counter()
                final, bins = evaluated(data.validation)
                clock.evaluation += time.perf_counter() - mark
                curve.append({"epoch": epoch, "accuracy": final["accuracy"], "loss": final["loss"]})
        clean, _ = evaluated(subset)
        seconds, cpu = time.perf_counter() - started, time.thread_time() - cpu_before
        further = _examined(learner, job.examine) if job.examine else {}
    if not math.isfinite(final["loss"] + clean["loss"]):
        raise ChildError(f"diverged: loss is {final['loss']} on validation, {clean['loss']} on the clean subset")
    metrics: Metrics = {
        **final,
        "validation_images": len(data.validation),
        "train_accuracy": clean["accuracy"],
        "train_loss": clean["loss"],
        "accuracy_gap": clean["accuracy"] - final["accuracy"],
        "loss_gap": final["loss"] - clean["loss"],
        "augmented_train_loss": float(total) / images,
        "curve": curve,
        "reliability": bins,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "augmentation_seconds": clock.augmentation,
        "step_seconds": clock.steps,
        "evaluation_seconds": clock.evaluation,
        "images_per_second": images * epochs / seconds,
        "peak_memory_mb": _peak_memory_mb(device),
        "severity": severity(policy, data, seed),
        **further,
    }
    return metrics, network


@torch.no_grad()
def _evaluate(
    learner: Learner, data: DeviceData, batch: int, rows: Tensor
) -> tuple[dict[str, float], list[list[float]]]:
    learner.judged.eval()
    logits = torch.cat([learner.answers(data.normalise(data.images[part])) for part in rows.split(batch)])
    return scores(logits, data.labels[rows]), reliability(logits, data.labels[rows])


@torch.no_grad()
def _examined(learner: Learner, examine: Callable[[Logits], dict[str, float]]) -> dict[str, float]:
    learner.judged.eval()
    found = examine(learner.answers)
    if not all(map(math.isfinite, found.values())):
        raise ChildError(f"diverged: not finite on the test part: {found}")
    return found


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
