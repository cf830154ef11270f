"""Random choices from torch's global generator, and magnitudes at even steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch


def uniform() -> float:
    """A number in [0, 1) from torch's global generator."""
    return torch.rand(()).item()


def index(weights: Sequence[float]) -> int:
    """A place drawn with these weights."""
    share = uniform() * sum(weights)
    return next((i for i, total in enumerate(accumulate(weights)) if share < total), len(weights) - 1)


def one_of(values: Sequence[Any]) -> Any:
    """One of several values, all with equal probability."""
    return values[int(uniform() * len(values))]


def evenly_spaced(start: float, stop: float, levels: int) -> list[float]:
    """Magnitudes from `start` to `stop`, both included."""
    return [start + (stop - start) * i / (levels - 1) for i in range(levels)]
