"""What exported array code takes from its library, here NumPy; the modules `array_library_*` say it for others.

An array is whatever the library calls so. A key is a source of random numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as xp
from scipy.special import erf, erfinv

Array = Any
Key = Any


def cast(values: Array, dtype: str) -> Array:
    return values.astype(dtype)


def segment_sum(values: Array, places: Array, count: Any) -> Array:
    """[n] values added up at n places of `count`."""
    return cast(xp.bincount(places, weights=values, minlength=count), "float32")


def split(key: Key, count: int) -> list[Key]:
    """Keys that may be drawn from independently."""
    return [key] * count


def uniform(key: Key, shape: tuple[Any, ...]) -> Array:
    """float32 in [0, 1)."""
    return key.random(shape, dtype="float32")


def gamma(key: Key, alpha: float, shape: tuple[Any, ...]) -> Array:
    """float32 from Gamma(alpha, 1)."""
    return cast(key.gamma(alpha, size=shape), "float32")


def first_size(values: Array) -> Any:
    """The size of the first axis."""
    return values.shape[0]


__all__ = [
    "Array",
    "Key",
    "cast",
    "erf",
    "erfinv",
    "first_size",
    "gamma",
    "segment_sum",
    "split",
    "uniform",
    "xp",
]
