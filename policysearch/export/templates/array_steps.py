"""A policy as steps, and as the numbers from which a whole batch is drawn at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Operation = Callable[..., Any]


@dataclass(frozen=True)
class Uniform:
    """A magnitude drawn evenly from `start` to `stop`, or from `levels` values from one to the other."""

    start: float
    stop: float
    levels: int = 0


@dataclass(frozen=True)
class Normal:
    """A magnitude from N(mean, std²), cut off at `low` and `high`."""

    mean: float
    std: float
    low: float
    high: float


@dataclass(frozen=True)
class Step:
    """An operation, applied with a probability; where `signed` its magnitude is negated half the time."""

    operation: Operation
    magnitude: Any = 0.0
    probability: float = 1.0
    signed: bool = False
    numbers: int = 0

    @property
    def choices(self) -> list[Step]:
        return [self]

    def row(self) -> list[float]:
        """probability, start, stop, levels, std, low, high, signed"""
        magnitude = self.magnitude
        span = [magnitude, magnitude, 0.0, 0.0, 0.0, 0.0]
        if isinstance(magnitude, Uniform):
            span = [magnitude.start, magnitude.stop, magnitude.levels, 0.0, 0.0, 0.0]
        elif isinstance(magnitude, Normal):
            span = [magnitude.mean, magnitude.mean, 0.0, magnitude.std, magnitude.low, magnitude.high]
        return [self.probability, *span, self.signed]


@dataclass(frozen=True)
class OneOf:
    """One of several steps, all with equal probability."""

    steps: Sequence[Step]

    @property
    def choices(self) -> list[Step]:
        return list(self.steps)


@dataclass(frozen=True)
class SomeOf:
    """Steps in random order until n were applied, n drawn with probability `counts[n]`."""

    steps: Sequence[Step]
    counts: Sequence[float]

    @property
    def choices(self) -> list[Step]:
        return list(self.steps)


@dataclass(frozen=True)
class SubPolicy:
    """Steps in order; `weight` is the share of images that get them."""

    steps: Sequence[Any]
    weight: float = 1.0

    @property
    def slots(self) -> list[Any]:
        """The steps, a `SomeOf` as often as it may be applied."""
        return [step for step in self.steps for _ in range(len(step.counts) - 1 if isinstance(step, SomeOf) else 1)]


class Shuffled(NamedTuple):
    """A `SomeOf` of sub-policy `sub`, whose slots begin at `first`."""

    sub: int
    first: int
    probabilities: Sequence[float]
    counts: Sequence[float]


class Table:
    """Stages as arrays, over all their P sub-policies of up to S slots of up to C choices.

    Attributes:
        operations: what is drawn from; the first does nothing.
        slots: by slot, the operations that it may hold, as places in `operations`.
        starts: [T] from which share of the training on a stage holds.
        cumulative: [T, P] of the sub-policies' weights.
        choices: [P, S] how many choices there are.
        rows: [P · S · C, 9] operation and `Step.row`.
        most: C.
        numbers: how many numbers an operation needs besides its magnitude, at most.
        shuffled: the steps in random order.
    """

    def __init__(self, stages: Sequence[tuple[float, Sequence[SubPolicy]]]) -> None:
        subs = [sub for _, of_stage in stages for sub in of_stage]
        slots = [sub.slots for sub in subs]
        size, most = max(1, *map(len, slots), 1), max((len(s.choices) for steps in slots for s in steps), default=1)
        steps = [step for of_sub in slots for slot in of_sub for step in slot.choices]
        used = list(dict.fromkeys(step.operation for step in steps))
        self.operations: list[Any] = [None, *used]
        self.most, self.numbers = most, max((step.numbers for step in steps), default=0)

        self.choices = np.ones((len(subs), size), "float32")
        rows = np.zeros((len(subs), size, most, 9), "float32")
        self.slots: list[list[int]] = [[] for _ in range(size)]
        for p, of_sub in enumerate(slots):
            for s, slot in enumerate(of_sub):
                self.choices[p, s] = len(slot.choices)
                for c, step in enumerate(slot.choices):
                    place = self.operations.index(step.operation)
                    rows[p, s, c] = [place, *step.row()]
                    self.slots[s] = sorted({*self.slots[s], place})
        self.rows = rows.reshape(-1, 9)

        self.starts = np.array([start for start, _ in stages], "float32")
        self.cumulative = cumulative_weights(stages)
        self.shuffled = [part for p, sub in enumerate(subs) for part in shuffled(p, sub)]


def cumulative_weights(stages: Sequence[tuple[float, Sequence[SubPolicy]]]) -> Any:
    """[T, P] float32: those of other stages weigh nothing."""
    rows = []
    for i, (_, subs) in enumerate(stages):
        before = sum(len(earlier) for _, earlier in stages[:i])
        after = sum(len(later) for _, later in stages[i + 1 :])
        weights = np.cumsum([0.0] * before + [sub.weight for sub in subs] + [0.0] * after)
        rows.append(weights / weights[-1])
    return np.array(rows, "float32")


def shuffled(place: int, sub: SubPolicy) -> list[Shuffled]:
    """The steps in random order of the sub-policy at a place."""
    out, first = [], 0
    for step in sub.steps:
        if isinstance(step, SomeOf):
            out.append(Shuffled(place, first, [one.probability for one in step.steps], step.counts))
        first += len(step.counts) - 1 if isinstance(step, SomeOf) else 1
    return out
