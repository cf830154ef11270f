"""Other values of each rule's own parameter: what the table of sensitivity is made of."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["GRIDS", "others"]

GRIDS: dict[str, tuple[str, tuple[float, ...]]] = {
    "greedy": ("c", (1, 2, 3, 4, 6)),
    "epsilon-greedy": ("epsilon", (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)),
    "epsilon-greedy-decay": ("rate", (0.25, 0.5, 1, 2, 4)),
    "ucb": ("c", (0.0, 0.125, 0.25, 0.5, 1, 2)),
}
"""Rule -> its parameter, and the values tried."""


def others(names: Iterable[str]) -> list[str]:
    """`NAME:parameter=value` for every value of every rule that is named without a parameter."""
    grids = {name: GRIDS[name] for name in names if name in GRIDS}
    return [f"{name}:{parameter}={value:g}" for name, (parameter, values) in grids.items() for value in values]
