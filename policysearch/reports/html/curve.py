"""A curve with a band, as plots take it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A named curve: [P] each; low and high, its band, are nan where there is none."""

    strategy: str
    x: Floats
    mean: Floats
    low: Floats
    high: Floats
