"""One self-supervised training at work, and what its features are worth."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from policysearch.augmentation.views import views
from policysearch.child.batches import Batch
from policysearch.child.feature_rank import effective_rank
from policysearch.child.judgement import Judgement, judged
from policysearch.child.out_of_memory import evaluation_batch
from policysearch.child.precision import autocast, chosen_precision
from policysearch.child.self_supervised.collapse import collapse, deviation
from policysearch.child.self_supervised.linear_probe import LinearProbe, fit_probe
from policysearch.child.self_supervised.neighbours import neighbour_votes
from policysearch.child.self_supervised.rotations import ANGLES, quarter_turns
from policysearch.child.self_supervised.siamese import Siamese, pair_loss, projections
from policysearch.child.training_run import TrainingRun
from policysearch.child.training_spec import ChildError

_TURNED = 1000
"""Images of each side whose rotations are predicted, at most; each is seen at four angles."""


@dataclass(frozen=True)
class _Part:
    """Frozen features [N, D] float32 and what is to be told from them, [N] int64 in 0..classes-1."""

    features: Tensor
    labels: Tensor
    classes: int


@dataclass(frozen=True)
class _Probed:
    """Frozen features of both sides, and the probe that was fitted on those of training."""

    train: _Part
    validation: _Part
    probe: LinearProbe

    @classmethod
    def of(cls, train: _Part, validation: _Part) -> _Probed:
        """Fit the probe.

        Raises:
            ChildError: features are not finite.
        """
        if not all(bool(part.features.isfinite().all()) for part in (train, validation)):
            raise ChildError("diverged: the features of some images are not finite")
        return cls(train, validation, fit_probe(train.features, train.labels, train.classes))

    def judged(self, part: _Part, further: tuple[str, ...] = ()) -> Judgement:
        """The probe on one of the sides."""
        return judged(self.probe(part.features), part.labels, further)

    def knn_accuracy(self) -> float:
        """The share of the validation side that the nearest features of the training side get right."""
        train, validation = self.train, self.validation
        votes = neighbour_votes(train.features, train.labels, validation.features, train.classes)
        return float((votes.argmax(1) == validation.labels).double().mean())


class SiameseRun(TrainingRun):
    """A training on pairs of views; labels are seen by the probe alone, after the features are frozen.

    All but the steps and the judgement is as for `TrainingRun`. The network of its spec is a `Siamese`.

    Attributes:
        measures: rotation, knn_accuracy and feature_deviation, once it has finished, and validation_images.
    """

    def begin(self) -> None:
        """Make the network; its first weights come from torch's global generator, as it is now."""
        super().begin()
        self.measures: dict[str, float] = {}
        self._precision = chosen_precision(self.spec.recipe.precision, self.device)
        self._probed: _Probed | None = None

    @property
    def labelled(self) -> bool:
        """Whether the data have labels; without them the probe predicts rotations."""
        return self.spec.data.labelled

    def _train_on(self, batches: Sequence[Tensor], first: int, rate: Callable[[int], float], total: int) -> None:
        """Take one step on each of the batches, the first of which is step `first` of `total`."""
        data, learner = self.spec.data, self.learner
        learner.train()
        self._probed = None
        pairs = self.clock.timed(self._pairs(batches, first, total))
        for step, (one, other, weights) in enumerate(pairs, first):
            mark = time.perf_counter()
            value = pair_loss(learner.logits(data.normalise(one)), learner.logits(data.normalise(other)), weights)
            learner.update(value, rate(step))
            self.clock.steps += time.perf_counter() - mark
            self.total += value.detach() * len(one)

    def _pairs(self, batches: Sequence[Tensor], first: int, total: int) -> Iterator[Batch]:
        """Both views of each batch, and the weights of its pairs."""
        for step, rows in enumerate(batches, first):
            yield views(self.spec.policy, self.spec.data.images[rows], self._generators.draws, step / total)

    def validate(self, epoch: int) -> None:
        """Fit the probe, and measure it on the validation part."""
        mark = time.perf_counter()
        probed = self._with_probe()
        judgement = probed.judged(probed.validation, self.spec.further)
        self.judgement = judgement if self.labelled else replace(judgement, class_counts=[])
        self.clock.evaluation += time.perf_counter() - mark
        self._add_point(epoch)

    def finish(self) -> dict[str, float]:
        """Measure the features in all other ways, stop the clock, and return the probe's scores on the subset.

        Raises:
            ChildError: the network has collapsed.
        """
        mark = time.perf_counter()
        spread, probed = self._spread(), self._with_probe()
        self.measures = {
            "knn_accuracy": probed.knn_accuracy(),
            "rotation": self._rotation(),
            "feature_deviation": spread,
            "validation_images": len(probed.validation.labels),
        }
        self.feature_rank = effective_rank(probed.validation.features)
        self.clock.evaluation += time.perf_counter() - mark
        self.clock.stop()
        return probed.judged(probed.train).scores

    @torch.no_grad()
    def answers(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] float32, normalised -> the probe's logits [B, classes]."""
        return self._with_probe().probe(self._features_of(inputs)).float()

    @property
    def _siamese(self) -> Siamese:
        """What is judged."""
        return cast("Siamese", self.learner.judged)

    def _with_probe(self) -> _Probed:
        """The network as it is now, with its probe."""
        if self._probed is None:
            part = self._with_labels if self.labelled else self._turned
            self._probed = _Probed.of(part(self._subset), part(self.spec.data.validation))
        return self._probed

    def _rotation(self) -> float:
        """Accuracy of a probe of predicted rotations (Reed et al. 2021)."""
        if not self.labelled:
            return self.validation["accuracy"]
        turned = _Probed.of(self._turned(self._subset), self._turned(self.spec.data.validation))
        return turned.judged(turned.validation).scores["accuracy"]

    def _spread(self) -> float:
        """The deviation of the projections on validation.

        Raises:
            ChildError: the network has collapsed.
        """
        features = self._all(self.spec.data.validation, self._features_of)
        outputs = projections(self._siamese, features)
        if not bool(outputs.isfinite().all()):
            raise ChildError("diverged: the projections of validation images are not finite")
        spread = deviation(outputs)
        reason = collapse(outputs, spread)
        if reason:
            raise ChildError(
                f"collapsed: {reason}; a lower --rate, a larger --batch or a milder policy may prevent that "
                "(`policysearch guide self-supervised`)"
            )
        return spread

    def _with_labels(self, rows: Tensor) -> _Part:
        data = self.spec.data
        return _Part(self._all(rows, self._features_of), data.labels[rows], data.classes)

    def _turned(self, rows: Tensor) -> _Part:
        """Features of images spread evenly over the rows, at four angles each."""
        places = torch.linspace(0, len(rows) - 1, min(_TURNED, len(rows)), device=rows.device).round().long()
        images, angles = quarter_turns(self.spec.data.images[rows[places]])
        parts = images.split(evaluation_batch(self.spec.recipe))
        features = torch.cat([self._features_of(self.spec.data.normalise(part)) for part in parts])
        return _Part(features, angles, len(ANGLES))

    @torch.no_grad()
    def _all(self, rows: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """A function of normalised images, of a network in evaluation mode, for these rows."""
        self.learner.judged.eval()
        data = self.spec.data
        parts = rows.split(evaluation_batch(self.spec.recipe))
        return torch.cat([function(data.normalise(data.images[part])) for part in parts])

    @torch.no_grad()
    def _features_of(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] float32, normalised -> [B, D] float32, of the network in evaluation mode."""
        self.learner.judged.eval()
        with autocast(self._precision, self.device):
            features: Tensor = self._siamese.backbone(inputs)
        return features.float()
