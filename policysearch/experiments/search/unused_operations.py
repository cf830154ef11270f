"""Operations that a person registers for a search and no arm of its space has: mostly a name spelled otherwise."""

from __future__ import annotations

from policysearch.policy.operations import OPERATIONS, SHIPPED_OPERATIONS
from policysearch.policy.spaces import Space
from policysearch.study.config import SearchConfig


def notes_on_operations(config: SearchConfig, space: Space) -> list[str]:
    """A sentence on the user's operations that no arm has; empty where every one is used, or there are none."""
    if config.operations is None:
        return []
    policies = [arm.policy.to_json(indent=None) for arm in space.arms(config.seed)]
    names = sorted(set(OPERATIONS) - SHIPPED_OPERATIONS)
    unused = [name for name in names if not any(f'"{name}"' in policy for policy in policies)]
    if not unused:
        return []
    one = len(unused) == 1
    which = f"operation {unused[0]} is" if one else f"operations {', '.join(unused)} are"
    return [
        f"{which} registered by {config.operations}, and no arm of space {config.space} has {'it' if one else 'them'}: "
        "a space names the operations of its arms"
    ]
