"""From counts of confused classes to the shares by which targets are spread (Liu et al. 2023, section 5)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from policysearch.augmentation.soft_targets import shares
from policysearch.core.errors import UserError
from policysearch.policy.class_parts import by_class_index
from policysearch.policy.policy import Policy


def spread(policy: Policy, num_classes: int, device: torch.device) -> Tensor | None:
    """How a policy without classes and stages spreads what targets lose, as `soft_targets.shares`; None: evenly.

    Raises:
        UserError: its confusion has not been measured, or names a class that is none of these.
    """
    softening = policy.softening
    if softening is None or softening.spread == "even":
        return None
    return _shares(policy, num_classes, device)


@lru_cache(maxsize=64)
def _shares(policy: Policy, num_classes: int, device: torch.device) -> Tensor:
    softening = policy.softening
    if softening is None or softening.confusion is None:
        raise UserError(
            f"{policy.name or policy.hash} spreads targets by confusion, which has not been measured: a search does "
            'that before its first pull, or give softening.confusion, as {"cat": {"dog": 12}}'
        )
    counts = {true: by_class_index(row) for true, row in by_class_index(softening.confusion).items()}
    beyond = max((max(true, *row) for true, row in counts.items()), default=0)
    if beyond >= num_classes:
        raise UserError(f"the confusion has a class {beyond}, and there are classes 0..{num_classes - 1}")
    return shares(counts, num_classes).to(device)
