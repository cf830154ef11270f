"""What the recipe and the arms of most tasks cannot have: a base, label smoothing, a loss of classes."""

from __future__ import annotations

from policysearch.child.recipe import Recipe
from policysearch.core.tasks import must_be_possible
from policysearch.policy.losses import Loss


def must_be_plain(task: str, recipe: Recipe, loss: Loss | None) -> None:
    """Check that a child is trained without what only networks that predict classes can have.

    Args:
        task: its name.
        recipe: the optimiser's numbers.
        loss: of the arm.

    Raises:
        UserError: there is a base, label smoothing, or a loss of classes, which the task refuses.
    """
    if loss is not None:
        must_be_possible(task, "loss", "an arm with a loss")
    if recipe.base_epochs:
        must_be_possible(task, "base_epochs", f"--base-epochs {recipe.base_epochs}")
    if recipe.label_smoothing:
        must_be_possible(task, "label_smoothing", f"--label-smoothing {recipe.label_smoothing:g}")
