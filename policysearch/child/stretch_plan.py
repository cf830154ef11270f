"""How a training is cut into stretches, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Stretch:
    """Steps of a training, counted over all epochs.

    Attributes:
        first: its first step.
        end: the step after its last.
    """

    first: int
    end: int


def planned(epochs: int, batches: int, *, every: int = 1, every_steps: int | None = None) -> tuple[Stretch, ...]:
    """The stretches of a training, in order.

    Args:
        epochs: of the training.
        batches: steps of an epoch.
        every: epochs of a stretch; the last may be shorter.
        every_steps: steps of a stretch instead; one ends with each epoch, so that the training can go on from there.

    Example:
        >>> planned(2, 3, every_steps=2)[:2]
        (Stretch(first=0, end=2), Stretch(first=2, end=3))
    """
    if every_steps is None:
        bounds = [*range(0, epochs * batches, every * batches), epochs * batches]
    else:
        starts = [epoch * batches + step for epoch in range(epochs) for step in range(0, batches, every_steps)]
        bounds = [*starts, epochs * batches]
    return tuple(Stretch(first, end) for first, end in pairwise(bounds))
