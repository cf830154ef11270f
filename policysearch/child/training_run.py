"""One training at work: its subset, its epochs, and what it has measured."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from policysearch.child.batches import Batch, augmented
from policysearch.child.device_data import DeviceData, uploaded
from policysearch.child.learner import Learner
from policysearch.child.losses import make_loss
from policysearch.child.lr_schedules import SCHEDULES
from policysearch.child.metrics import reliability, scores
from policysearch.child.out_of_memory import evaluation_batch
from policysearch.child.recipe import Recipe, batches_of
from policysearch.child.test_set import Logits
from policysearch.child.warm_start import severity
from policysearch.datasets.split import stratified
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy

Metrics = dict[str, "float | list[dict[str, float]] | list[list[float]]"]
"""What a training returns, by name; see `train`."""


class ChildError(RuntimeError):
    """A training that went wrong by itself, such as a loss that is no longer finite or too little memory."""


@dataclass(frozen=True)
class TrainingSpec:
    """What `train` was asked for; the attributes are its arguments."""

    policy: Policy
    data: DeviceData
    factory: Callable[[], nn.Module]
    images: int
    epochs: int
    seed: int
    recipe: Recipe
    loss: Loss | None
    examine: Callable[[Logits], dict[str, float]] | None
    follow: Callable[[list[dict[str, float]]], None] | None = None


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


class TrainingRun:
    """One training at work: its subset, generators, network and objective, and what it has measured so far.

    The steps, in their order: `begin`, then `epoch` and, at a checkpoint, `validate`, then `finish` and
    `examine`.

    Attributes:
        spec: what is trained.
        device: where.
        learner: the network with its optimiser, from `begin` on.
        checkpoints: epochs after which the network is measured on validation; the last is among them.
        clock: seconds by kind of work.
        validation: scores of the last checkpoint.
        bins: its reliability.
        curve: epoch, accuracy and loss of all checkpoints.
        total: [] sum over the last epoch's images of the plain loss, which an arm's loss does not change.
        seconds, cpu_seconds: of training and evaluation, without the test part.
    """

    def __init__(self, spec: TrainingSpec) -> None:
        self._started, self._cpu_started = time.perf_counter(), time.thread_time()
        self.spec = spec
        self.device = spec.data.images.device
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

        labels = spec.data.labels[spec.data.train].cpu().numpy()
        chosen = stratified(labels, spec.images, np.random.default_rng([spec.seed, 0]))
        self._subset = spec.data.train[torch.from_numpy(chosen).to(self.device)]
        self._batches = batches_of(spec.images, spec.recipe.batch)

        # The order of images is drawn on the CPU, so that it is the same on every device.
        self._order = torch.Generator().manual_seed(spec.seed)
        self._draws = torch.Generator(self.device).manual_seed(spec.seed + 1)

        classes = spec.data.classes
        self._plain_loss = make_loss(None, classes, self.device, spec.recipe.label_smoothing)
        self._objective = make_loss(spec.loss, classes, self.device) if spec.loss else self._plain_loss

        count = spec.recipe.checkpoints
        self.checkpoints = {round(spec.epochs * (i + 1) / count) for i in range(count)}
        self.clock = _Clock()
        self.curve: list[dict[str, float]] = []
        self.validation: dict[str, float] = {}
        self.bins: list[list[float]] = []
        self.total = torch.zeros((), device=self.device)
        self.seconds = self.cpu_seconds = 0.0

    def begin(self) -> None:
        """Make the network; its first weights come from torch's global generator, as it is now."""
        spec = self.spec
        self.learner = Learner(spec.factory, spec.recipe, self.device, spec.data.memory_format)
        schedule = SCHEDULES[spec.recipe.schedule]
        self._rate = partial(schedule, total=spec.epochs * self._batches, warmup=spec.recipe.warmup)
        self._scores = partial(_evaluate, self.learner, spec.data, evaluation_batch(spec.recipe))

    def epoch(self, number: int) -> None:
        """Pass once over the subset.

        Raises:
            ChildError: the loss is no longer finite.
        """
        spec, data, learner = self.spec, self.spec.data, self.learner
        learner.network.train()
        self.total = torch.zeros((), device=self.device)
        permuted = uploaded(torch.randperm(spec.images, generator=self._order), self.device)
        parts = self._subset[permuted].tensor_split(self._batches)
        first = (number - 1) * self._batches
        feed = augmented(
            spec.policy,
            data,
            learner.network,
            parts,
            step=first,
            steps=spec.epochs * self._batches,
            generator=self._draws,
        )
        for step, (images, targets, weights) in enumerate(self.clock.timed(feed), first):
            mark = time.perf_counter()
            logits = learner.logits(data.normalise(images))
            value = self._objective(logits, targets, weights)
            learner.update(value, self._rate(step))
            self.clock.steps += time.perf_counter() - mark

            # Arms with another loss are compared by the plain one, as all others are.
            measured = self._plain_loss(logits.detach(), targets, weights) if spec.loss else value.detach()
            self.total += measured * len(images)
        self._objective.end_epoch()
        if not math.isfinite(self.total):
            raise ChildError(f"diverged: training loss is {float(self.total)} in epoch {number} of {spec.epochs}")

    def validate(self, epoch: int) -> None:
        """Measure the network on the validation part."""
        mark = time.perf_counter()
        self.validation, self.bins = self._scores(self.spec.data.validation)
        self.clock.evaluation += time.perf_counter() - mark
        accuracy, loss = self.validation["accuracy"], self.validation["loss"]
        self.curve.append({"epoch": epoch, "accuracy": accuracy, "loss": loss})

    def finish(self) -> dict[str, float]:
        """Stop the clock, and return the scores on the clean subset."""
        train_scores, _ = self._scores(self._subset)
        self.seconds = time.perf_counter() - self._started
        self.cpu_seconds = time.thread_time() - self._cpu_started
        return train_scores

    @torch.no_grad()
    def examine(self) -> dict[str, float]:
        """What the examination adds to the metrics; empty where there is none.

        Raises:
            ChildError: one of its metrics is not finite.
        """
        if self.spec.examine is None:
            return {}
        self.learner.judged.eval()
        metrics = self.spec.examine(self.learner.answers)
        if not all(map(math.isfinite, metrics.values())):
            raise ChildError(f"diverged: not finite on the test part: {metrics}")
        return metrics


def metrics_of(run: TrainingRun, train_scores: dict[str, float]) -> Metrics:
    """What `train` returns, except what an examination adds.

    Args:
        run: finished.
        train_scores: its scores on the clean subset.
    """
    spec, validation, clock = run.spec, run.validation, run.clock
    return {
        **validation,
        "validation_images": len(spec.data.validation),
        "train_accuracy": train_scores["accuracy"],
        "train_loss": train_scores["loss"],
        "accuracy_gap": train_scores["accuracy"] - validation["accuracy"],
        "loss_gap": validation["loss"] - train_scores["loss"],
        "augmented_train_loss": float(run.total) / spec.images,
        "curve": run.curve,
        "reliability": run.bins,
        "seconds": run.seconds,
        "cpu_seconds": run.cpu_seconds,
        "augmentation_seconds": clock.augmentation,
        "step_seconds": clock.steps,
        "evaluation_seconds": clock.evaluation,
        "images_per_second": spec.images * spec.epochs / run.seconds,
        "peak_memory_mb": _peak_memory_mb(run.device),
        "severity": severity(spec.policy, spec.data, spec.seed),
    }


@torch.no_grad()
def _evaluate(
    learner: Learner, data: DeviceData, batch: int, rows: Tensor
) -> tuple[dict[str, float], list[list[float]]]:
    learner.judged.eval()
    logits = torch.cat([learner.answers(data.normalise(data.images[part])) for part in rows.split(batch)])
    return scores(logits, data.labels[rows]), reliability(logits, data.labels[rows])


def _peak_memory_mb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
