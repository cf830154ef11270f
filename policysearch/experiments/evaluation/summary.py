"""The results of an evaluation in one value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from policysearch.core.tasks import CLASSIFICATION
from policysearch.experiments.evaluation.contenders import Contender
from policysearch.experiments.evaluation.equal_cost import EqualCost, equal_cost_in_words
from policysearch.experiments.evaluation.ledger import Looks
from policysearch.experiments.evaluation.metrics import ACCURACY, Measured, Metric, metrics_of
from policysearch.experiments.evaluation.settings import FREE, GRID
from policysearch.experiments.evaluation.statistics import MetricResult, best_fixed, metric_result, references
from policysearch.experiments.evaluation.validation_choice import ValidationChoice, titled
from policysearch.experiments.evaluation.verdict import FalseClaims, PolicyVerdict, false_claims, judge_policy
from policysearch.policy.losses import loss_in_words
from policysearch.reports.class_effects import effects_in_words
from policysearch.stats.class_effects import ClassEffects, ClassShares, class_effects

_DEALS = 500
_CHOOSERS = {GRID: "of RandAugment's grid", FREE: "of the free policies"}


@dataclass(frozen=True)
class Summary:
    """An evaluation's numbers and words.

    Attributes:
        measured: the networks' metrics.
        references: what differences are to: the best fixed policy, then TrivialAugment where it is another.
        metrics: by name, in the order of the tables.
        verdict: of the test accuracy.
        looks: at the test part, this one and all that ledgers know of.
        null: how often the verdict errs when these very networks are dealt to the names at random; None for fewer
            than two whole replicates.
        choices: what was chosen on validation, by the name that asked for it.
        cautions: sentences that belong in every output.
        about: what was evaluated, on what, how.
        equal: the opponents that cost as much as the search, if they were asked for.
        classes: the accuracy of every class on the replicates that all policies finished; None where there is none, or
            an earlier version has not counted them.
    """

    measured: Measured
    references: tuple[str, ...]
    metrics: Mapping[str, MetricResult]
    verdict: PolicyVerdict
    looks: Looks
    null: FalseClaims | None
    choices: Mapping[str, ValidationChoice]
    cautions: tuple[str, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    equal: EqualCost | None = None
    classes: ClassShares | None = None

    @cached_property
    def by_class(self) -> ClassEffects | None:
        """What the policy does to every class, against the fixed policies."""
        return _effects(self.measured, self.classes)

    @cached_property
    def titles(self) -> Mapping[str, Metric]:
        """How the metrics are called and written, by name."""
        return metrics_of(str(self.about.get("task", CLASSIFICATION)))

    @property
    def sentence(self) -> str:
        """The verdict, what else the search would have paid for, and how often the test part has been read."""
        parts = [self.verdict.sentence]
        if self.equal is not None:
            parts.append(equal_cost_in_words(self.measured, self.equal))
        return f"{'; '.join(parts)} (read {self.looks.number} of the test part)"


def summary(
    measured: Measured,
    contenders: Sequence[Contender],
    looks: Looks,
    choices: Mapping[str, ValidationChoice | None],
    about: Mapping[str, Any],
    equal: EqualCost | None = None,
    classes: ClassShares | None = None,
) -> Summary:
    """The statistics of what was measured; `about` must hold test_images, the size of the test part."""
    measured = replace(measured, test_images=int(about["test_images"]))
    against = references(measured, best_fixed(measured))
    metrics = {name: metric_result(measured, name, against) for name in measured.values}
    choices_made = {title: choice for title, choice in choices.items() if choice}
    cautions = (
        *_classes(_effects(measured, classes)),
        *_failures(metrics[ACCURACY], measured),
        *_losses(contenders),
        *_choices(choices_made, measured),
        *_equal(equal, measured),
        _noise(metrics[ACCURACY], measured),
        *looks.cautions,
    )
    null = null_check(measured)
    verdict = judge_policy(measured)
    return Summary(measured, against, metrics, verdict, looks, null, choices_made, cautions, about, equal, classes)


def _effects(measured: Measured, classes: ClassShares | None) -> ClassEffects | None:
    if classes is None:
        return None
    others = [name for name in measured.fixed if name != measured.searched and name in classes.shares]
    return class_effects(measured.searched, others, classes) if others else None


def _classes(effects: ClassEffects | None) -> list[str]:
    sentence = effects_in_words(effects) if effects is not None else ""
    return [sentence] if sentence else []


def null_check(measured: Measured) -> FalseClaims | None:
    """How often the verdict errs where there is nothing to find; None for fewer than two whole replicates."""
    return false_claims(measured, _DEALS, np.random.default_rng(0)) if measured.whole.sum() > 1 else None


def _failures(accuracies: MetricResult, measured: Measured) -> list[str]:
    missing = {score.policy: measured.replicates - score.n for score in accuracies.scores}
    return [
        f"{count} of {measured.replicates} trainings with {name} failed (trials.csv says why): their replicates are "
        "missing from its mean and from differences with it"
        for name, count in missing.items()
        if count
    ]


def _losses(contenders: Sequence[Contender]) -> list[str]:
    return [
        f"{contender.name} was trained with {loss_in_words(contender.arm.loss)}, the fixed policies with plain "
        "cross-entropy"
        for contender in contenders
        if contender.arm.loss
    ]


def _choices(choices: Mapping[str, ValidationChoice], measured: Measured) -> list[str]:
    return [_choice(title, choice, measured) for title, choice in choices.items()]


def _choice(title: str, choice: ValidationChoice, measured: Measured) -> str:
    among = _CHOOSERS[title]
    cost = f"{choice.trainings} trainings, {choice.worker_seconds:.0f} worker-seconds"
    if choice.chosen is None:
        return f"no training {among} ended well ({cost}): it is not among the fixed policies"
    twice = (
        "" if titled(title, choice.chosen) in measured.names else ", a policy that stands among those compared anyway"
    )
    return f"{choice.chosen} was chosen on validation as the best {among}{twice} ({cost})"


def _equal(equal: EqualCost | None, measured: Measured) -> list[str]:
    if equal is None:
        return []
    if math.isnan(equal.rate):
        return [f"no training of the tuning under {equal.best} ended well: its recipe is the same as all others'"]
    fewer = (
        f"; the ensemble has {equal.members} networks, and {equal.trainings + 1} would have cost as much"
        if equal.members <= equal.trainings
        else ""
    )
    return [
        f"{equal.trainings} trainings under {equal.best} chose rate {equal.rate:.3g} and weight decay "
        f"{equal.weight_decay:.3g} on validation{fewer}"
    ]


def _noise(accuracies: MetricResult, measured: Measured) -> str:
    images = measured.test_images
    over_seeds = f"intervals are over seeds, on this one test part of {images:,} images"
    if not measured.images_of(ACCURACY):
        return f"{over_seeds}; a whole test part is itself a sample, whose own error they leave out"
    means = [score.mean for score in accuracies.scores if not math.isnan(score.mean)]
    mean = float(np.mean(means)) if means else 0.0
    error = 100 * math.sqrt(mean * (1 - mean) / max(1, images))
    return (
        f"{over_seeds}; a whole test part is itself a sample, which moves an accuracy by about {error:.2f} points "
        "(standard error)"
    )
