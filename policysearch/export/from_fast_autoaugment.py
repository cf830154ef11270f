"""Fast AutoAugment's lists: (name, probability, level in [0, 1] of the operation's range)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from policysearch.core.errors import UserError
from policysearch.export.autoaugment_lists import names_of_lists, number, policy_of
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step

_ENHANCING = ("brightness", "color", "contrast", "sharpness")


def _mirrored(top: float) -> Callable[[float], float]:
    """From -top to top, then negated half the time, so that only the distance from 0 counts."""
    return lambda level: abs(2 * level - 1) * top


_MAGNITUDES: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "shear-x": _mirrored(0.3),
        "shear-y": _mirrored(0.3),
        "translate-x": _mirrored(0.45),
        "translate-y": _mirrored(0.45),
        "rotate": _mirrored(30),
        "solarize": lambda level: 256 * level,
        "posterize": lambda level: float(int(4 + 4 * level)),
        "cutout": lambda level: 0.2 * level,
        **{name: lambda level: 1.8 * level - 0.9 for name in _ENHANCING},
    }
)
NOTES = (
    "interpolation is nearest and translations are whole pixels; cutout hides with black, not grey, and a square of "
    "whole pixels",
)
names = names_of_lists


def read(text: str, name: str, which: str | None = None) -> tuple[Policy, list[str]]:
    """A policy, and in what it is not the same.

    Args:
        text: JSON, or Python of which one list is read and nothing run.
        name: what the text is called in complaints.
        which: the list of a file that holds several: what it is assigned to, or the function that returns it.

    Raises:
        UserError: it is no such list; the message names the entry.
    """
    return policy_of(text, name, step_at, which), list(NOTES)


def step_at(operation: str, probability: float, level: Any) -> Step:
    """The step of an entry, whose level is a share of the operation's range.

    Raises:
        UserError: the level is no share.
    """
    if not OPERATIONS[operation].has_magnitude:
        return Step(operation=operation, probability=probability)
    if isinstance(level, int | float) and not isinstance(level, bool) and 1 < level <= 10:
        raise UserError(
            f"level must be a share of the range, from 0 to 1, got {level:g}: levels of 0 to 9 are AutoAugment's, "
            "--from autoaugment reads them"
        )
    magnitude = _MAGNITUDES[operation](number(level, 0, 1, "level"))
    return Step(operation=operation, probability=probability, magnitude=magnitude, signed=operation not in _ENHANCING)
