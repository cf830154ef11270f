"""Figures as text: – for what is not known."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from policysearch.stats.estimate import Estimate

_NONE = "–"


@dataclass(frozen=True)
class Unit:
    """How the values of a quantity, and their differences, are written: one way in every table and sentence.

    A value is followed by its 95 % interval in brackets; a difference has its sign, and above 0 is more.

    Attributes:
        factor: what a value is multiplied by.
        digits: after the point.
        sign: after a value.
        word: after a difference.

    Example:
        >>> PERCENT.estimate(Estimate(0.825, 0.8144, 0.8356)), PERCENT.change(Estimate(0.0122, 0.0046, 0.0198))
        ('82.50 % [81.44, 83.56]', '+1.22 points [0.46, 1.98]')
    """

    factor: float = 1
    digits: int = 4
    sign: str = ""
    word: str = ""

    def bare(self, value: float, form: str = "z") -> str:
        """The number alone."""
        return _NONE if math.isnan(value) else f"{self.factor * value:{form}.{self.digits}f}"

    def value(self, value: float) -> str:
        """`82.50 %`."""
        return _NONE if math.isnan(value) else self.bare(value) + self.sign

    def estimate(self, estimate: Estimate) -> str:
        """`82.50 % [81.44, 83.56]`; the value alone where its interval is not known."""
        return self.value(estimate.mean) + self._interval(estimate)

    def change(self, estimate: Estimate) -> str:
        """`+1.22 points [0.46, 1.98]`, of a difference."""
        if math.isnan(estimate.mean):
            return _NONE
        return f"{self.bare(estimate.mean, '+z')}{self.word}{self._interval(estimate)}"

    def size(self, value: float) -> str:
        """`1.22 points`, of a difference whose sign is said in words."""
        return _NONE if math.isnan(value) else f"{self.bare(abs(value))}{self.word}"

    def sizes(self, estimate: Estimate) -> str:
        """`1.22 points [0.46, 1.98]`, of a regret or another difference that is not below 0."""
        return self.size(estimate.mean) + self._interval(estimate)

    def axis(self, name: str) -> str:
        """The title of an axis of scaled values: `accuracy [%]`."""
        return f"{name} [{self.sign.strip()}]" if self.sign else name

    def scaled(self, estimate: Estimate) -> Estimate:
        """The values to draw."""
        return Estimate(*(self.factor * value for value in (estimate.mean, estimate.low, estimate.high)))

    def _interval(self, estimate: Estimate) -> str:
        if math.isnan(estimate.low):
            return ""
        return f" [{self.bare(estimate.low)}, {self.bare(estimate.high)}]"


PERCENT = Unit(100, 2, " %", " points")
"""Accuracies, and other shares of images: percent, and differences in points."""
FINE = Unit(100, 3, " %", " points")
"""Regrets of accuracy, which are often below a hundredth of a point."""
_OF_CLASSES = ("balanced-accuracy", "worst-class", "macro-f1", "top-5", "auroc")
_NAMES = ("accuracy", *_OF_CLASSES, "rotation", "knn-accuracy", "character-accuracy")
_SHARES = frozenset({*_NAMES, *(name.replace("-", "_") for name in _NAMES)})
"""Rewards that are shares, of images, classes or characters, or areas under curves: all in [0, 1]."""
PLAIN = Unit()
"""Rewards that are no accuracy, in their own unit."""


def unit_of(reward: str, fine: bool = False) -> Unit:
    """The unit of a reward.

    Args:
        reward: as `--reward` takes it.
        fine: for regrets.
    """
    if reward.strip() in _SHARES:
        return FINE if fine else PERCENT
    return PLAIN


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


def figure_in_tip(estimate: Estimate) -> str:
    """A value of a chart with its interval where that is known, four digits each: `82.5 [81.44, 83.56]`.

    Example:
        >>> figure_in_tip(Estimate(82.5, 81.444, 83.56)), figure_in_tip(Estimate(0.25, math.nan, math.nan))
        ('82.5 [81.44, 83.56]', '0.25')
    """
    return interval(estimate, lambda value: f"{value:z.4g}")
