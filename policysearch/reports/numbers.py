"""Figures as text: – for what is not known."""

from __future__ import annotations

import math
from collections.abc import Callable

from policysearch.stats.intervals import Estimate

_NONE = "–"


def number(value: float) -> str:
    """A reward or a difference of rewards, four digits after the point."""
    return _NONE if math.isnan(value) else f"{value:z.4f}"


def amount(value: float) -> str:
    """A sum of rewards."""
    return _NONE if math.isnan(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def whole(value: float) -> str:
    """A count, with separators of thousands."""
    return _NONE if math.isnan(value) else f"{value:,.0f}"


def share(value: float) -> str:
    """A fraction in [0, 1] as a percentage."""
    return _NONE if math.isnan(value) else f"{100 * value:.0f} %"


def milliseconds(value: float) -> str:
    """Seconds, as milliseconds."""
    return _NONE if math.isnan(value) else f"{1000 * value:.2g} ms" if value < 0.0995 else f"{1000 * value:,.0f} ms"


def duration(value: float) -> str:
    """Seconds, with a digit after the point below 100."""
    return _NONE if math.isnan(value) else f"{value:,.1f} s" if value < 100 else f"{value:,.0f} s"


def probability(p: float) -> str:
    """With its sign of relation, for a sentence: `= 0.013`, `< 0.001`."""
    return "unknown" if math.isnan(p) else "< 0.001" if p < 0.001 else f"= {p:.3f}"


def interval(estimate: Estimate, form: Callable[[float], str]) -> str:
    """`0.0120 [0.0100, 0.0150]`; the mean alone where the interval is not known."""
    if math.isnan(estimate.low):
        return form(estimate.mean)
    return f"{form(estimate.mean)} [{form(estimate.low)}, {form(estimate.high)}]"
