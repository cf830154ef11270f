"""What a child that reads lines cannot be asked for."""

from __future__ import annotations

from policysearch.augmentation.lines import must_suit_lines
from policysearch.child.recipe import Recipe
from policysearch.core.tasks import TEXT_LINES, must_be_possible
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
    if loss is not None:
        must_be_possible(TEXT_LINES, "loss", "an arm with a loss")
    if recipe.base_epochs:
        must_be_possible(TEXT_LINES, "base_epochs", f"--base-epochs {recipe.base_epochs}")
    if recipe.label_smoothing:
        must_be_possible(TEXT_LINES, "label_smoothing", f"--label-smoothing {recipe.label_smoothing:g}")
