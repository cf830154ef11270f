"""The type of float arrays that statistics, rules, reports and experiments share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""An array of 64-bit floats; the docstring of its user gives its shape."""
