"""Searches whose trials go on from the children of others: what they need."""

from __future__ import annotations

from policysearch.child.recipe import CONTINUABLE, Recipe
from policysearch.core.errors import UserError
from policysearch.policy.policy import Policy


def must_be_continuable(recipe: Recipe) -> None:
    """Check that a child can be continued to more epochs than it was begun for.

    Raises:
        UserError: its rates depend on where its training ends.
    """
    if recipe.schedule not in CONTINUABLE:
        raise UserError(
            f"a {recipe.schedule} training cannot be continued, as its rates depend on where it ends: "
            f"add --schedule {' or '.join(sorted(CONTINUABLE))}"
        )


def policy_must_be_continuable(policy: Policy) -> None:
    """Check that a policy means the same however long its training is.

    Raises:
        UserError: it has stages, which begin at shares of the training, or magnitudes that change with its share.
    """
    if policy.stages:
        raise UserError(
            f"policy {policy.name or policy.hash} has stages, which begin at shares of a training: a child under it "
            "cannot be continued to more epochs"
        )
    if policy.adaptive is not None and policy.adaptive.depends_on_end:
        raise UserError(
            f"magnitudes of policy {policy.name or policy.hash} by {policy.adaptive.rule} change with the share of the "
            "training done: a child under it cannot be continued to more epochs"
        )
