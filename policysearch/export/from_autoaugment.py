"""AutoAugment's lists: (name, probability, level of 0..9), on its ranges as torchvision has them."""

from __future__ import annotations

from typing import Any

from policysearch.core.errors import UserError
from policysearch.export.autoaugment_lists import names_of_lists, number, policy_of
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step

_LEVELS = 10
names = names_of_lists


def read(text: str, name: str, which: str | None = None) -> tuple[Policy, list[str]]:
    """A policy, and in what it is not the same: nothing.

    Args:
        text: JSON, or Python of which one list is read and nothing run.
        name: what the text is called in complaints.
        which: the list of a file that holds several: what it is assigned to, or the function that returns it.

    Raises:
        UserError: it is no such list; the message names the entry.
    """
    return policy_of(text, name, _step, which), []


def _step(operation: str, probability: float, level: Any) -> Step:
    row = OPERATIONS[operation]
    if not row.has_magnitude:
        return Step(operation=operation, probability=probability)
    level = number(level, 0, _LEVELS - 1, "level")
    if not level.is_integer():
        raise UserError(
            f"level must be a whole number from 0 to {_LEVELS - 1}, got {level:g}: shares of a range are Fast "
            "AutoAugment's, --from fast-autoaugment reads them"
        )
    magnitude = row.magnitude_at(level, _LEVELS)
    return Step(operation=operation, probability=probability, magnitude=magnitude)
