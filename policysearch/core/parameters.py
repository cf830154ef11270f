"""Parameters behind a name, as in `ucb:c=0.5`."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from policysearch.core.errors import UserError, shortened


def parameters_in(text: str, allowed: Collection[str], what: str) -> dict[str, str]:
    """The values in `parameter=value,...` by parameter, as text.

    Args:
        text: what follows the name and its colon; may be empty.
        allowed: names of parameters.
        what: what has them, for messages, such as "rule ucb".

    Raises:
        UserError: an unknown parameter, or one that is there twice.

    Example:
        >>> parameters_in("gamma=0.9,c=2", ["gamma", "c"], "rule discounted-ucb")
        {'gamma': '0.9', 'c': '2'}
    """
    values: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in allowed:
            raise UserError(f"{what} has no parameter {shortened(name)!r}; it has {', '.join(allowed) or 'none'}")
        if name in values:
            raise UserError(f"{what}: {name} is given twice")
        values[name] = value
    return values


def typed_parameters(text: str, defaults: Mapping[str, object], what: str) -> dict[str, Any]:
    """The values in `parameter=value,...` by parameter, each of the type of its default.

    Args:
        text: what follows the name and its colon; may be empty.
        defaults: int, float or str by parameter; those that are not in the text are not in the result.
        what: what has them, for messages, such as "strategy pba".

    Raises:
        UserError: an unknown parameter, one that is there twice, or a value that is no finite number or not whole.

    Example:
        >>> typed_parameters("population=4,quantile=0.5", {"population": 8, "quantile": 0.25}, "strategy pba")
        {'population': 4, 'quantile': 0.5}
    """
    return {
        name: value if isinstance(defaults[name], str) else _number(value, type(defaults[name]), f"{what}: {name}")
        for name, value in parameters_in(text, defaults, what).items()
    }


def check_ranges(settings: object, ranges: Mapping[str, tuple[float, float]], what: str) -> None:
    """Check that numbers are in their ranges.

    Args:
        settings: has them as attributes.
        ranges: (lowest, highest) by attribute; both are allowed.
        what: what has them, for messages, such as "strategy pba".

    Raises:
        UserError: one is not.
    """
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise UserError(f"{what}: {name} must lie in [{_short(low)}, {_short(high)}], got {_short(value)}")


def _short(number: float) -> str:
    """A whole number in full, any other with six digits."""
    return str(number) if isinstance(number, int) else f"{number:g}"


def _number(text: str, kind: type, what: str) -> int | float:
    """The finite number in a text, an int where it must be whole."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    whole = kind is int
    if not math.isfinite(number) or (whole and not number.is_integer()):
        raise UserError(f"{what} must be a {'whole ' * whole}number, got {shortened(text)!r}")
    return int(number) if whole else number
