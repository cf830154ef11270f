"""One short training on images with targets: the counterpart of `child.training` for labels and numbers."""

from __future__ import annotations

from dataclasses import replace

import torch

from policysearch.augmentation.targets import must_suit_targets
from policysearch.child.plain_training import must_be_plain
from policysearch.child.targets.goal import GoalOf
from policysearch.child.targets.target_run import TargetRun
from policysearch.child.training import completed, with_plain_errors
from policysearch.child.training_spec import Metrics, TrainingSpec
from policysearch.core.tasks import must_be_possible

_OF_CLASSES = ("reliability", "class_counts")


def train_with_targets(task: str, goal_of: GoalOf, spec: TrainingSpec) -> Metrics:
    """Train a network on a subset, stratified by the strata of the data, and judge it on validation.

    Args:
        task: its name, for messages.
        goal_of: what is learned.
        spec: the child; its data have targets, and its network gives a number for each. It has no loss, and no further
            metrics: those are of classes.

    Returns:
        The scores of the goal on validation; train_accuracy and train_loss on the clean subset; augmented_train_loss,
        the mean of the last epoch; and the curve, gaps, seconds, feature_rank and severity of `train_classifier`.

    Raises:
        CheckpointError: as `train_classifier`.
        ChildError: the same.
        UserError: the policy, the loss or the recipe does not suit.
    """
    _must_be_possible(task, spec)

    def work() -> Metrics:
        metrics, _ = completed(TargetRun(replace(spec, further=()), goal_of(spec.data)))
        return {name: value for name, value in metrics.items() if name not in _OF_CLASSES}

    # How much memory a step takes is tried with classes: any that the network has.
    alike = replace(spec.data, labels=torch.zeros_like(spec.data.labels))
    return with_plain_errors(replace(spec, data=alike), work)


def _must_be_possible(task: str, spec: TrainingSpec) -> None:
    for start in (0.0, *(stage.start for stage in spec.policy.stages)):
        part = spec.policy.at(start)
        must_suit_targets(part)
        if part.softening is not None:
            must_be_possible(task, "softening", f"policy {part.name or part.hash}, which softens,")
    must_be_plain(task, spec.recipe, spec.loss)
