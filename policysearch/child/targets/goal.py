"""What a child with targets minimises, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from policysearch.child.device_data import DeviceData

Scores = dict[str, float]


@dataclass(frozen=True)
class Goal:
    """The goal of one training.

    Attributes:
        scale: targets [N, K] as the data have them -> float32, as the network is to give them.
        loss: (outputs [B, K], targets [B, K], weights [B]) -> [] float, the mean over the batch.
        scores: (outputs [N, K], targets [N, K]) -> metrics by name, `accuracy` and `loss` among them.
        frequencies: [K] float32, the share of training images that have each label; None where targets are numbers.
    """

    scale: Callable[[Tensor], Tensor]
    loss: Callable[[Tensor, Tensor, Tensor], Tensor]
    scores: Callable[[Tensor, Tensor], Scores]
    frequencies: Tensor | None = None


GoalOf = Callable[[DeviceData], Goal]
"""From the training side of the data to what is learned from it."""


def targets_of(data: DeviceData) -> Tensor:
    """[N, K] float, the targets of data that have them."""
    if data.targets is None:
        raise ValueError("these data have one class per image, and no targets")
    return data.targets
