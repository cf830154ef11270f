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
from policysearch.child.recipe import Recipe, batches_of
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
        accuracy, correct, balanced_accuracy, loss, entropy, ece, most_predicted on validation (see `scores`);
        train_accuracy, train_loss on the clean subset; accuracy_gap (train - validation), loss_gap (validation -
        train); augmented_train_loss (mean `soft_loss` of the last epoch); curve, a list of {epoch, accuracy, loss};
        reliability, the bins of ece on validation;
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
    run = _Run(job)
    device = run.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(job.seed)
        run.begin()
        for epoch in range(1, job.epochs + 1):
            run.epoch(epoch)
            if epoch in run.checkpoints:
                run.validate(epoch)
        train_scores = run.finish()
        examined = _examined(run.learner, job.examine) if job.examine else {}

    last = run.validation["loss"]
    if not math.isfinite(last + train_scores["loss"]):
        raise ChildError(f"diverged: loss is {last} on validation, {train_scores['loss']} on the clean subset")
    return {**_metrics(run, train_scores), **examined}, run.learner.network


class _Run:
    """One training at work: its subset, generators, network and objective, and what it has measured so far.

    The steps, in their order: `begin`, then `epoch` and, at a checkpoint, `validate`, then `finish`.

    Attributes:
        checkpoints: epochs after which the network is measured on validation; the last is among them.
        validation: scores of the last checkpoint; `bins`: its reliability; `curve`: all checkpoints.
        total: [] sum over the last epoch's images of the loss as it is without an arm's own.
        seconds, cpu_seconds: of training and evaluation, without the test part.
    """

    def __init__(self, job: _Job) -> None:
        self._started, self._cpu_started = time.perf_counter(), time.thread_time()
        self.job = job
        self.device = job.data.images.device
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

        labels = job.data.labels[job.data.train].cpu().numpy()
        chosen = stratified(labels, job.images, np.random.default_rng([job.seed, 0]))
        self._subset = job.data.train[torch.from_numpy(chosen).to(self.device)]
        self._batches = batches_of(job.images, job.recipe.batch)

        # The order of images is drawn on the CPU, so that it is the same on every device.
        self._order = torch.Generator().manual_seed(job.seed)
        self._draws = torch.Generator(self.device).manual_seed(job.seed + 1)

        classes = job.data.classes
        self._plain_loss = make_loss(None, classes, self.device, job.recipe.label_smoothing)
        self._objective = make_loss(job.loss, classes, self.device) if job.loss else self._plain_loss

        count = job.recipe.checkpoints
        self.checkpoints = {round(job.epochs * (i + 1) / count) for i in range(count)}
        self.clock = _Clock()
        self.curve: list[dict[str, float]] = []
        self.validation: dict[str, float] = {}
        self.bins: list[list[float]] = []
        self.total = torch.zeros((), device=self.device)
        self.seconds = self.cpu_seconds = 0.0

    def begin(self) -> None:
        """Make the network; its first weights come from torch's global generator, as it is now."""
        job = self.job
        self.learner = Learner(job.factory, job.recipe, self.device, job.data.memory_format)
        schedule = SCHEDULES[job.recipe.schedule]
        self._rate = partial(schedule, total=job.epochs * self._batches, warmup=job.recipe.warmup)
        self._scores = partial(_evaluate, self.learner, job.data, evaluation_batch(job.recipe))

    def epoch(self, number: int) -> None:
        """Pass once over the subset.

        Raises:
            ChildError: the loss is no longer finite.
        """
        job, data, learner = self.job, self.job.data, self.learner
        learner.network.train()
        self.total = torch.zeros((), device=self.device)
        permuted = torch.randperm(job.images, generator=self._order).to(self.device)
        parts = self._subset[permuted].tensor_split(self._batches)
        first = (number - 1) * self._batches
        feed = augmented(
            job.policy,
            data,
            learner.network,
            parts,
            step=first,
            steps=job.epochs * self._batches,
            generator=self._draws,
        )
        for step, (images, targets, weights) in enumerate(self.clock.timed(feed), first):
            mark = time.perf_counter()
            logits = learner.logits(data.normalise(images))
            value = self._objective(logits, targets, weights)
            learner.update(value, self._rate(step))
            self.clock.steps += time.perf_counter() - mark

            # Arms with losses of their own are compared by the loss that all others have.
            measured = self._plain_loss(logits.detach(), targets, weights) if job.loss else value.detach()
            self.total += measured * len(images)
        self._objective.end_epoch()
        if not math.isfinite(self.total):
            raise ChildError(f"diverged: training loss is {float(self.total)} in epoch {number} of {job.epochs}")

    def validate(self, epoch: int) -> None:
        """Measure the network on the validation part."""
        mark = time.perf_counter()
        self.validation, self.bins = self._scores(self.job.data.validation)
        self.clock.evaluation += time.perf_counter() - mark
        accuracy, loss = self.validation["accuracy"], self.validation["loss"]
        self.curve.append({"epoch": epoch, "accuracy": accuracy, "loss": loss})

    def finish(self) -> dict[str, float]:
        """Stop the clock; returns the scores on the clean subset."""
        train_scores, _ = self._scores(self._subset)
        self.seconds = time.perf_counter() - self._started
        self.cpu_seconds = time.thread_time() - self._cpu_started
        return train_scores


def _metrics(run: _Run, train_scores: dict[str, float]) -> Metrics:
    """What `train` returns, but for what an examination adds."""
    job, validation, clock = run.job, run.validation, run.clock
    return {
        **validation,
        "validation_images": len(job.data.validation),
        "train_accuracy": train_scores["accuracy"],
        "train_loss": train_scores["loss"],
        "accuracy_gap": train_scores["accuracy"] - validation["accuracy"],
        "loss_gap": validation["loss"] - train_scores["loss"],
        "augmented_train_loss": float(run.total) / job.images,
        "curve": run.curve,
        "reliability": run.bins,
        "seconds": run.seconds,
        "cpu_seconds": run.cpu_seconds,
        "augmentation_seconds": clock.augmentation,
        "step_seconds": clock.steps,
        "evaluation_seconds": clock.evaluation,
        "images_per_second": job.images * job.epochs / run.seconds,
        "peak_memory_mb": _peak_memory_mb(run.device),
        "severity": severity(job.policy, job.data, job.seed),
    }


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
