"""Whether the classes that policies name are classes of the data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policysearch.core.errors import UserError
from policysearch.core.tasks import task_named
from policysearch.policy.classes import class_keys, unmeasured
from policysearch.policy.policy import Policy


def must_have_classes(policies: Iterable[Policy], names: Sequence[str], task: str) -> None:
    """Check that the data have all classes that policies call by name or index.

    Args:
        policies: of a space, or to be judged.
        names: of the data's classes, in the order of their labels.
        task: that children learn.

    Raises:
        UserError: a policy calls a class that the data lack, or the task has no classes.
    """
    for policy in policies:
        keys = class_keys(policy)
        if not keys:
            continue
        title = policy.name or policy.hash
        if not task_named(task).has_classes:
            raise UserError(f"policy {title} differs by class, and in the task {task} images have none: leave it out")
        try:
            policy.for_classes(names)
        except UserError as error:
            raise UserError(f"policy {title}: {error}") from None


def must_be_measured(policies: Iterable[Policy], what: str) -> None:
    """Check that no policy spreads targets by a confusion that has still to be measured, which only a search does.

    Args:
        policies: that children are to be trained under.
        what: trains them, as the subject of the message.

    Raises:
        UserError: one does.
    """
    policy = next((policy for policy in policies if unmeasured(policy)), None)
    if policy is not None:
        raise UserError(
            f"policy {policy.name or policy.hash} spreads targets by a confusion that has not been measured, and "
            f"{what} does not measure it: give the space.toml or the policy.json of a search, which has the counts"
        )
