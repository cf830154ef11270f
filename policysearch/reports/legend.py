"""Names in the legend of a plot."""

from __future__ import annotations


def legend_label(name: str, longest: int) -> str:
    """A name as matplotlib lists it: cut to `longest` letters, and never left out for its leading underscore.

    Example:
        >>> legend_label("_mine", 30), legend_label("trivialaugment-wide", 8)
        (' _mine', 'trivial…')
    """
    short = name if len(name) <= longest else name[: longest - 1] + "…"
    return f" {short}" if short.startswith("_") else short
