"""What exported array code takes from JAX; see `array_library`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as xp
from jax.scipy.special import erf, erfinv

Array = Any
Key = Any


def cast(values: Array, dtype: str) -> Array:
    return xp.asarray(values).astype(dtype)


def segment_sum(values: Array, places: Array, count: int) -> Array:
    """[n] values added up at n places of `count`."""
    return jax.ops.segment_sum(values, places, count)


def split(key: Key, count: int) -> list[Key]:
    """Keys that may be drawn from independently."""
    return list(jax.random.split(key, count))


def uniform(key: Key, shape: tuple[int, ...]) -> Array:
    """float32 in [0, 1)."""
    return jax.random.uniform(key, shape, dtype="float32")


def gamma(key: Key, alpha: float, shape: tuple[int, ...]) -> Array:
    """float32 from Gamma(alpha, 1)."""
    return jax.random.gamma(key, alpha, shape, dtype="float32")


def first_size(values: Array) -> int:
    """The size of the first axis."""
    return int(values.shape[0])


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
