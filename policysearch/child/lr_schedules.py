"""Learning rates over a training."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Protocol

_START, _END = 1 / 25, 1 / 25e4
_RISE = 50
READ_OUT_SHARE = 0.2
"""Of the steps that a trunk has taken since it was last measured: the steps of its read-out, at most."""


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


def constant(step: int, total: int, warmup: float) -> float:
    """The share of the highest rate at `step`: up over the first 50 steps, half a cosine, then all of it.

    It does not depend on how long the training is, so that any point of its curve is the end of a shorter training.
    """
    return _cosine(_START, 1.0, min(step / _RISE, 1.0))


def cosine(step: int, total: int, warmup: float) -> float:
    """The share of the highest rate at `step` of 0..total-1: from all of it down, half a cosine, without a rise.

    Loshchilov & Hutter 2017, equation 5, without restarts; as Chen & He 2021 train SimSiam.

    Example:
        >>> [round(cosine(step, 4, 0.25), 2) for step in range(4)]
        [1.0, 0.85, 0.5, 0.15]
    """
    return _cosine(1.0, 0.0, step / total)


def decay(step: int, steps: int) -> float:
    """The share of a trunk's rate at `step` of 0..steps-1 of its read-out: from nearly 1 to nearly 0.

    1 - sqrt(progress), the form that Hägele et al. 2024 (section 4.1) found best for short decays after a constant
    rate.

    Args:
        step: steps of the read-out done.
        steps: of the read-out in all, 1 or more.

    Example:
        >>> [round(decay(step, 3), 2) for step in range(3)]
        [0.5, 0.29, 0.13]
    """
    return 1 - math.sqrt((step + 1) / (steps + 1))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


class Schedule(Protocol):
    """As `one_cycle`."""

    def __call__(self, step: int, total: int, warmup: float) -> float: ...


SCHEDULES: MappingProxyType[str, Schedule] = MappingProxyType(
    {"one-cycle": one_cycle, "cosine": cosine, "constant": constant, "trunk": constant}
)
"""The trunk is a constant rate that is measured by a read-out, in which it decays (see `decay`)."""
