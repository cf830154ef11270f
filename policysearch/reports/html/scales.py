"""From values to places in a chart, and the round values that its axes name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Scale:
    """An axis.

    Attributes:
        low, high: the values at its ends.
        start, end: where these are in the chart; values outside are drawn at the nearer end.
        logarithmic: whether equal steps are equal ratios; both values are then above 0.
        whole: whether it names whole numbers only.

    Example:
        >>> axis = Scale(0, 40, 50, 250, whole=True)
        >>> axis.place(10), axis.ticks(4), Scale(1, 100, 0, 10, logarithmic=True).place(10)
        (100.0, [0.0, 10.0, 20.0, 30.0, 40.0], 5.0)
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False
    whole: bool = False

    def place(self, value: float) -> float:
        """Where a value is drawn."""
        low, high, value = map(math.log, (self.low, self.high, value)) if self.logarithmic else (*self._ends, value)
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return self.start + share * (self.end - self.start)

    @property
    def _ends(self) -> tuple[float, float]:
        return self.low, self.high

    def ticks(self, about: int = 5) -> list[float]:
        """Round values between the ends, roughly as many as `about`; 1, 2 and 5 times powers of ten if logarithmic."""
        if self.logarithmic:
            return _powers(self.low, self.high)
        step = _step(self.high - self.low, about, self.whole)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(place * step, 12) + 0.0 for place in range(first, last + 1)]

    def named(self, values: Sequence[float]) -> list[str]:
        """Ticks as text, each with as many digits as tell them apart."""
        if self.logarithmic:
            return [f"{value:,.0f}" if value >= 1 else f"{value:.2g}" for value in values]
        step = min((b - a for a, b in pairwise(values)), default=1.0)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        return [f"{value:z,.{digits}f}" for value in values]


def opened(low: float, high: float, share: float = 0.05) -> tuple[float, float]:
    """A range with some room at both ends, never empty."""
    room = (high - low) * share or (0.0 if high > low else max(abs(high), 1.0) * 0.05)
    return low - room, high + room


def _step(span: float, about: int, whole: bool) -> float:
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return max(1.0, step) if whole else step


def _powers(low: float, high: float) -> list[float]:
    factors = (1, 2, 5) if high < 200 * low else (1,)
    powers = [10.0**k for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    places = [power * factor for power in powers for factor in factors]
    return [*(place for place in places if low * 0.99 <= place < high / 1.5), high]
