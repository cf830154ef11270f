"""What a child that reads lines cannot be asked for."""

from __future__ import annotations

from policysearch.augmentation.lines import must_suit_lines
from policysearch.child.plain_training import must_be_plain
from policysearch.child.recipe import Recipe
from policysearch.core.tasks import TEXT_LINES
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy


def must_take_lines(policy: Policy, recipe: Recipe, loss: Loss | None) -> None:
    """Check that a child that reads lines can be trained so.

    Args:
        policy: of every batch.
        recipe: the optimiser's numbers.
        loss: of the arm.

    Raises:
        UserError: the policy softens, adapts to classes or mixes them; there is a base, label smoothing, or a loss for
            classes.
    """
    must_suit_lines(policy)
    must_be_plain(TEXT_LINES, recipe, loss)
