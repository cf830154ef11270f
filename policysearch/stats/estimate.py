"""An estimate with its interval, without NumPy or SciPy, so that what only writes one down starts fast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A mean or a share, and the ends of its 95 % interval; nan where one run leaves the interval unknown."""

    mean: float
    low: float
    high: float
