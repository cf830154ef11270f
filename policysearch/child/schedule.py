"""The one-cycle learning rate."""

from __future__ import annotations

import math

__all__ = ["one_cycle"]

_START, _END = 1 / 25, 1 / 25e4


def one_cycle(step: int, total: int, warmup: float) -> float:
    """The share of the highest rate at `step` of 0..total-1: up and down again, each half a cosine.

    Smith & Topin 2018 with the start (1/25) and end (1/250,000) of torch's `OneCycleLR`, which this equals
    wherever that one is defined: it divides by zero when the warm-up is a single step.

    Args:
        step: optimiser steps done.
        total: optimiser steps in all, 1 or more.
        warmup: share of the steps in which the rate rises, in (0, 1).
    """
    top = warmup * total - 1
    if step < top:
        return _cosine(_START, 1.0, step / top)
    return _cosine(1.0, _END, (step - top) / (total - 1 - top))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
