"""Which images of a batch draw from which policy, where a policy differs by class."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from policysearch.core.errors import UserError
from policysearch.policy.classes import class_policies, common
from policysearch.policy.policy import Policy


def class_groups(policy: Policy, labels: Tensor | None) -> list[tuple[Policy, Tensor]]:
    """The policies without classes that a batch draws from, each with its images [b] int64, ascending.

    Classes whose policies are equal are together. That of all other classes comes first, then each in the order of its
    first class; those of which the batch has no image are left out.

    Args:
        policy: without stages, its classes by index.
        labels: [B] int64, not negative.

    Raises:
        UserError: there are no labels, or a class is called by name.
    """
    if labels is None:
        raise UserError(
            f"{policy.name or policy.hash} differs by class, and which images are of which class is not said: give "
            "their labels"
        )
    policies, group_of_class = _table(policy, labels.device)
    others = labels.clamp(max=len(group_of_class) - 1)
    groups = group_of_class[others]
    members = ((part, (groups == index).nonzero().flatten()) for index, part in enumerate(policies))
    return [(part, rows) for part, rows in members if len(rows)]


@lru_cache(maxsize=256)
def _table(policy: Policy, device: torch.device) -> tuple[tuple[Policy, ...], Tensor]:
    """The policies, the common one first, and the place of each class's [n + 1] int64; the last is all others'."""
    by_class = class_policies(policy)
    policies = tuple(dict.fromkeys([common(policy), *by_class.values()]))
    places = torch.zeros(max(by_class, default=-1) + 2, dtype=torch.int64)
    for index, part in by_class.items():
        places[index] = policies.index(part)
    return policies, places.to(device)
