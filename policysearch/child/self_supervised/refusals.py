"""What a self-supervised child cannot be asked for, without torch."""

from __future__ import annotations

from policysearch.child.plain_training import must_be_plain
from policysearch.child.recipe import Recipe, smallest_batch
from policysearch.core.errors import UserError
from policysearch.core.tasks import SELF_SUPERVISED
from policysearch.policy.losses import Loss
from policysearch.policy.pairs import obstacle_to_views
from policysearch.policy.policy import Policy

_TASK = f"--task {SELF_SUPERVISED}"


def must_take_policy(policy: Policy) -> None:
    """Check that a policy is one for pairs of views.

    Raises:
        UserError: at some stage it softens, mixes or adapts, which takes labels, other images or a classifier.
    """
    for part in (policy, *(policy.at(stage.start) for stage in policy.stages)):
        obstacle = obstacle_to_views(part)
        if obstacle:
            raise UserError(
                f"policy {policy.name or policy.hash!r} does not suit {_TASK}: two views of an image have no "
                f"{obstacle}, which takes labels or other images; leave it out"
            )


def must_take_training(recipe: Recipe, images: int, loss: Loss | None = None) -> None:
    """Check how a child is to be trained.

    Args:
        recipe: the optimiser's numbers.
        images: of the training subset.
        loss: of the arm.

    Raises:
        UserError: there is a base, a loss for labels, label smoothing, or a batch of one image.
    """
    must_be_plain(SELF_SUPERVISED, recipe, loss)
    must_have_company(smallest_batch(images, recipe.batch))


def must_have_company(smallest: int) -> None:
    """Check that no image is alone in its batch, whose batch norm would have nothing to compare it with.

    Args:
        smallest: images of the smallest batch.

    Raises:
        UserError: one is.
    """
    if smallest < 2:
        raise UserError(
            f"{_TASK} needs 2 images or more in every batch, for the batch norm of its heads, and here a batch has one "
            "image alone: give more --images, or another --batch"
        )
