"""One training at work: its subset, its epochs, and what it has measured."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from policysearch.child.adaptive.adaptation import Adaptation
from policysearch.child.adaptive.situation import Observation
from policysearch.child.batches import augmented
from policysearch.child.checkpoint import Checkpoint, copied
from policysearch.child.clock import Clock
from policysearch.child.device_data import uploaded
from policysearch.child.feature_rank import Penultimate, effective_rank
from policysearch.child.generators import Generators
from policysearch.child.judgement import Judgement, judge
from policysearch.child.learner import Learner
from policysearch.child.losses import make_loss
from policysearch.child.lr_schedules import READ_OUT_SHARE, SCHEDULES, decay
from policysearch.child.out_of_memory import evaluation_batch
from policysearch.child.precision import chosen_precision
from policysearch.child.recipe import batches_of
from policysearch.child.test_set import Examined
from policysearch.child.training_spec import ChildError, TrainingSpec
from policysearch.core.errors import CheckpointError, in_one_line
from policysearch.datasets.split import stratified


class TrainingRun:
    """One training at work: its subset, generators, network and objective, and what it has measured so far.

    The steps, in their order: `begin` or `go_on`, then `epoch` and, at a point of the curve, `validate`, then `finish`
    and `examine`. After an epoch `checkpoint` gives what another training needs to go on.

    Attributes:
        spec: what is trained.
        device: where.
        learner: the network with its optimiser, from `begin` on.
        adaptation: what an adaptive policy has learned, from `begin` on.
        checkpoints: epochs after which the network is measured on validation; the last is among them.
        clock: seconds by kind of work.
        judgement: of the last checkpoint, on validation.
        feature_rank: effective rank of the features on validation, once it has finished.
        curve: epoch, accuracy and loss of all checkpoints.
        total: [] sum over the last epoch's images of the plain loss, which an arm's loss does not change.
        begun: epochs that were done when this training began.
        done: epochs that are done.
        read_out_epochs: epochs of the read-out, which `done` does not count.
    """

    def __init__(self, spec: TrainingSpec) -> None:
        self.clock = Clock()
        self.spec = spec
        self.device = spec.data.images.device
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

        labels = spec.data.labels[spec.data.train].cpu().numpy()
        chosen = stratified(labels, spec.images, np.random.default_rng([spec.seed, 0]))
        self._subset = spec.data.train[torch.from_numpy(chosen).to(self.device)]
        self._batches = batches_of(spec.images, spec.recipe.batch)

        self._generators = Generators(spec.seed, self.device)

        classes = spec.data.classes
        self._plain_loss = make_loss(None, classes, self.device, spec.recipe.label_smoothing)
        self._objective = make_loss(spec.loss, classes, self.device) if spec.loss else self._plain_loss

        count = spec.recipe.checkpoints
        self.checkpoints = {round(spec.epochs * (i + 1) / count) for i in range(count)}
        self.curve: list[dict[str, float]] = []
        self.judgement = Judgement({})
        self.feature_rank = math.nan
        self._features: list[Tensor] = []
        self.total = torch.zeros((), device=self.device)
        self.begun = self.done = 0
        self.read_out_epochs = 0.0

    @property
    def validation(self) -> dict[str, float]:
        """Scores of the last checkpoint on validation."""
        return self.judgement.scores

    def begin(self) -> None:
        """Make the network; its first weights come from torch's global generator, as it is now."""
        spec = self.spec
        self.learner = Learner(spec.factory, spec.recipe, self.device, spec.data.memory_format)
        precision = chosen_precision(spec.recipe.precision, self.device)
        self.adaptation = Adaptation(self.learner.network, spec.data, precision, spec.seed)
        schedule = SCHEDULES[spec.recipe.schedule]
        self._rate = partial(schedule, total=spec.epochs * self._batches, warmup=spec.recipe.warmup)
        self._judged = partial(judge, self.learner, spec.data, evaluation_batch(spec.recipe))

    def go_on(self, checkpoint: Checkpoint) -> None:
        """Take up the training of a checkpoint: with its seed the same one, with another a fork.

        A fork has the weights, momenta, averages and loss of the checkpoint, and draws by its own seed.

        Raises:
            CheckpointError: it is of another network, recipe or size.
        """
        spec = self.spec
        checkpoint.must_suit(recipe=spec.recipe, images=spec.images, epochs=spec.epochs, device=self.device.type)
        adaptive = spec.policy.adaptive
        if adaptive is not None and spec.epochs != checkpoint.epochs and adaptive.depends_on_end:
            raise CheckpointError(
                f"the checkpoint is of a training of {checkpoint.epochs} epochs, which cannot be continued to "
                f"{spec.epochs}: magnitudes by {adaptive.rule} depend on where it ends"
            )
        self.begin()
        try:
            self._restore(checkpoint.state)
        except (KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"the checkpoint is damaged: {in_one_line(error)}") from None
        self.begun = self.done = checkpoint.epoch
        if spec.seed != checkpoint.seed:
            self._generators.branch(spec.seed, checkpoint.epoch)

    def _restore(self, state: dict[str, Any]) -> None:
        self.learner.restore(state["learner"])
        if self._objective.state.keys() != state["loss"].keys():
            raise CheckpointError("the checkpoint is of a training with another loss, whose state does not fit")
        self._objective.state = state["loss"]
        self.adaptation.restore(state.get("adaptation", {}))
        self._generators.restore(state["generators"])
        self.clock = Clock(**state["clock"])
        self.curve = list(state["curve"])
        self.judgement = Judgement(state["validation"], state["bins"], state.get("class_counts", []))
        self.total = state["total"].to(self.device)

    def checkpoint(self) -> Checkpoint:
        """What this training needs to go on from here."""
        self.clock.stop()
        spec = self.spec
        state = {
            "learner": self.learner.state(),
            "loss": {name: copied(value) for name, value in self._objective.state.items()},
            "adaptation": self.adaptation.state(),
            "generators": self._generators.state(),
            "clock": asdict(self.clock),
            "curve": list(self.curve),
            "validation": self.judgement.scores,
            "bins": self.judgement.bins,
            "class_counts": self.judgement.class_counts,
            "total": copied(self.total),
            "effects": dict(spec.effects),
        }
        recipe = spec.recipe.model_dump(mode="json")
        return Checkpoint(self.done, spec.epochs, spec.images, spec.seed, self.device.type, recipe, state)

    def epoch(self, number: int) -> None:
        """Pass once over the subset.

        Raises:
            ChildError: the loss is no longer finite.
        """
        self.total = torch.zeros((), device=self.device)
        self.adaptation.begin_epoch()
        self._train_on(self._shuffled(), (number - 1) * self._batches, self._rate, self.spec.epochs * self._batches)
        self._objective.end_epoch()
        self.done = number
        if not math.isfinite(self.total):
            raise ChildError(f"diverged: training loss is {float(self.total)} in epoch {number} of {self.spec.epochs}")

    def _shuffled(self) -> Sequence[Tensor]:
        """The batches of a pass over the subset, as indices into the images."""
        permuted = uploaded(torch.randperm(self.spec.images, generator=self._generators.order), self.device)
        return self._subset[permuted].tensor_split(self._batches)

    def _train_on(self, batches: Sequence[Tensor], first: int, rate: Callable[[int], float], total: int) -> None:
        """Take one step on each of the batches, the first of which is step `first` of `total`."""
        spec, data, learner = self.spec, self.spec.data, self.learner
        learner.train()
        feed = augmented(
            spec.policy,
            data,
            learner.network,
            batches,
            step=first,
            steps=total,
            generator=self._generators.draws,
            adaptation=self.adaptation,
        )
        for step, (images, targets, weights) in enumerate(self.clock.timed(feed), first):
            mark = time.perf_counter()
            logits = learner.logits(data.normalise(images))
            value = self._objective(logits, targets, weights)
            learner.update(value, rate(step))
            self.clock.steps += time.perf_counter() - mark
            adaptive = spec.policy.at(step / total).adaptive
            if adaptive is not None:
                seen = Observation(batches[step - first], images, logits.detach(), step / total)
                self.adaptation.observe(adaptive, seen)

            # Arms with another loss are compared by the plain one, as all others are.
            measured = self._plain_loss(logits.detach(), targets, weights) if spec.loss else value.detach()
            self.total += measured * len(images)

    def read_out(self) -> None:
        """Decay the rate over some steps that are no part of the training, so that its end can be measured.

        They come to a fifth of the epochs of this stretch, and one at least, of batches and draws of their own. After
        this the training can only be measured; whoever is to continue it takes its checkpoint before.

        Raises:
            ChildError: the loss is no longer finite.
        """
        stretch = (self.spec.epochs - self.spec.begin) * self._batches
        count = max(1, int(READ_OUT_SHARE * stretch))
        end, total = self.spec.epochs * self._batches, self.total
        self.total = torch.zeros((), device=self.device)
        self._generators.branch(self.spec.seed, self.spec.epochs)
        for start in range(0, count, self._batches):
            batches = self._shuffled()[: count - start]
            self._train_on(batches, end + start, lambda step: self._rate(end) * decay(step - end, count), end + count)
        if not math.isfinite(self.total):
            raise ChildError(f"diverged: training loss is {float(self.total)} in the read-out")
        self.total, self.read_out_epochs = total, count / self._batches

    def validate(self, epoch: int) -> None:
        """Measure the network on the validation part."""
        mark = time.perf_counter()
        with Penultimate(self.learner.judged, watching=not self.spec.recipe.compile) as watch:
            self.judgement = self._judged(self.spec.data.validation, self.spec.further)
        self._features = watch.features
        self.clock.evaluation += time.perf_counter() - mark
        self._add_point(epoch)

    def _add_point(self, epoch: int) -> None:
        """Put the last judgement into the curve, in the place of what was measured at this epoch or later."""
        accuracy, loss = self.validation["accuracy"], self.validation["loss"]
        before = [point for point in self.curve if point["epoch"] < epoch]
        self.curve = [*before, {"epoch": epoch, "accuracy": accuracy, "loss": loss}]

    def finish(self) -> dict[str, float]:
        """Stop the clock, and return the scores on the clean subset."""
        train_scores = self._judged(self._subset).scores
        self.feature_rank = effective_rank(torch.cat(self._features or self._features_anew()))
        self.clock.stop()
        return train_scores

    @torch.no_grad()
    def _features_anew(self) -> list[Tensor]:
        """Features of the validation part by a pass of its own: a compiled network is not watched."""
        data = self.spec.data
        self.learner.judged.eval()
        with Penultimate(self.learner.judged) as watch:
            for part in data.validation.split(evaluation_batch(self.spec.recipe)):
                self.learner.judged(data.normalise(data.images[part]))
        return watch.features

    def answers(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] float32, normalised -> logits [B, classes] of what is judged."""
        return self.learner.answers(inputs)

    @torch.no_grad()
    def examine(self) -> Examined:
        """What the examination adds to the metrics; empty where there is none.

        Raises:
            ChildError: one of its metrics is not finite.
        """
        if self.spec.examine is None:
            return {}
        self.learner.judged.eval()
        metrics = self.spec.examine(self.answers)
        if not all(math.isfinite(value) for value in metrics.values() if not isinstance(value, list)):
            raise ChildError(f"diverged: not finite on the test part: {metrics}")
        return metrics
