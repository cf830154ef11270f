"""A curve with its band, as statistics give it and plots draw it."""

from __future__ import annotations

from dataclasses import dataclass

from policysearch.stats.arrays import Floats


@dataclass(frozen=True)
class Curve:
    """A named curve with its band.

    Attributes:
        strategy: its name.
        x, mean: [P] float64.
        low, high: [P] float64, the band; nan where there is none.
    """

    strategy: str
    x: Floats
    mean: Floats
    low: Floats
    high: Floats
