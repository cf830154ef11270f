"""What a child that learns masks cannot be asked for."""

from __future__ import annotations

from policysearch.augmentation.segmentation import must_suit_masks
from policysearch.child.plain_training import must_be_plain
from policysearch.child.recipe import Recipe
from policysearch.core.tasks import SEGMENTATION
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy


def must_take_masks(policy: Policy, recipe: Recipe, loss: Loss | None) -> None:
    """Check that a child that learns masks can be trained so.

    Args:
        policy: of every batch.
        recipe: the optimiser's numbers.
        loss: of the arm.

    Raises:
        UserError: the policy softens, adapts, blends images or averages moves; there is a base, label smoothing, or a
            loss for classes of images.
    """
    must_suit_masks(policy)
    must_be_plain(SEGMENTATION, recipe, loss)
