"""Parameters behind a name, as in `ucb:c=0.5`."""

from __future__ import annotations

from collections.abc import Collection

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
