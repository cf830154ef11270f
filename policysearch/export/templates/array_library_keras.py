"""What exported array code takes from Keras 3, on any of its backends; see `array_library`."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops as xp
from keras.ops import cast, erf, erfinv

Array = Any
Key = Any


def segment_sum(values: Array, places: Array, count: Any) -> Array:
    """[n] values added up at n places of `count`."""
    return xp.segment_sum(values, places, count)


def split(key: Key, count: int) -> list[Key]:
    """A seed generator gives another seed each time that it is drawn from."""
    return [key] * count


def uniform(key: Key, shape: tuple[Any, ...]) -> Array:
    """float32 in [0, 1)."""
    return keras.random.uniform(shape, dtype="float32", seed=key)


def gamma(key: Key, alpha: float, shape: tuple[Any, ...]) -> Array:
    """float32 from Gamma(alpha, 1)."""
    return keras.random.gamma(shape, alpha, dtype="float32", seed=key)


def first_size(values: Array) -> Any:
    """The size of the first axis, which a graph may not know before it runs."""
    return xp.shape(values)[0]


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
