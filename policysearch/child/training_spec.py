"""What a training is asked for, what it returns, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import nn

from policysearch.child.checkpoint import Checkpoint, Keeper
from policysearch.child.device_data import DeviceData
from policysearch.child.recipe import Recipe
from policysearch.child.test_set import Examined, Logits
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy

Metrics = dict[str, "float | list[dict[str, float]] | list[list[float]] | list[list[int]]"]
"""What a training returns, by name; see `train`."""


class ChildError(RuntimeError):
    """A training that went wrong by itself, such as a loss that is no longer finite or too little memory."""


@dataclass(frozen=True)
class TrainingSpec:
    """What `train` was asked for; the attributes are its arguments, and metrics that were measured before."""

    policy: Policy
    data: DeviceData
    factory: Callable[[], nn.Module]
    images: int
    epochs: int
    seed: int
    recipe: Recipe
    loss: Loss | None
    examine: Callable[[Logits], Examined] | None
    follow: Callable[[list[dict[str, float]]], None] | None = None
    origin: Checkpoint | None = None
    keeper: Keeper | None = None
    begin: int = 0
    effects: Mapping[str, float] = field(default_factory=dict)
    further: tuple[str, ...] = ()
    keep: Callable[[nn.Module], None] | None = None
