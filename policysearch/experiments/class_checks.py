"""Whether the classes that policies name are classes of the data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policysearch.core.errors import UserError
from policysearch.core.tasks import task_named
from policysearch.datasets.dataset import Dataset
from policysearch.policy.class_names import class_keys
from policysearch.policy.classes import unmeasured
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Space


def title_of(policy: Policy) -> str:
    """A policy as the subject of a message: by its name, or else by its hash.

    Example:
        >>> title_of(Policy.preset("flip-crop"))
        'policy flip-crop'
    """
    name = policy.name or policy.hash
    return name if name.startswith("policy ") else f"policy {name}"


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
        title = title_of(policy)
        if not task_named(task).has_classes:
            raise UserError(f"{title} differs by class, and in the task {task} images have none: leave it out")
        try:
            policy.for_classes(names)
        except UserError as error:
            raise UserError(f"{title}: {error}") from None


def must_suit_classes(space: Space, dataset: Dataset, task: str) -> None:
    """Check that the data have all classes that the policies of a space call; see `must_have_classes`.

    Raises:
        UserError: a policy calls a class that the data lack, or the task has no classes.
    """
    if space.may_call_classes:
        must_have_classes((arm.policy for arm in space.specimens()), dataset.classes, task)


def must_be_measured(policies: Space | Iterable[Policy], what: str) -> None:
    """Check that no policy spreads targets by a confusion that has still to be measured, which only a search does.

    Args:
        policies: that children are to be trained under, or a space of such.
        what: trains them, as the subject of the message.

    Raises:
        UserError: one does.
    """
    if isinstance(policies, Space):
        policies = [arm.policy for arm in policies.specimens()] if policies.may_call_classes else []
    policy = next((policy for policy in policies if unmeasured(policy)), None)
    if policy is not None:
        raise UserError(
            f"{title_of(policy)} spreads targets by a confusion that has not been measured, and "
            f"{what} does not measure it: give the space.toml or the policy.json of a search, which has the counts"
        )
