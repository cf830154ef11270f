"""What a training is asked for, what it returns, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import nn

from policysearch.child.checkpoint import Checkpoint, Keeper
from policysearch.child.device_data import DeviceData
from policysearch.child.recipe import Recipe
from policysearch.child.test_set import Examined, Logits
from policysearch.child.warm_start import Bases
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy

Metrics = dict[str, "float | list[dict[str, float]] | list[list[float]] | list[list[int]]"]
"""What a training returns, by name; see `train_classifier`."""


class ChildError(RuntimeError):
    """A training that went wrong by itself, such as a loss that is no longer finite or too little memory."""


@dataclass(frozen=True)
class TrainingSpec:
    """What the training of one child is asked for.

    Attributes:
        policy: the augmentation of every batch.
        data: images on the device.
        factory: makes the untrained network; it may draw from torch's global generator, which is seeded before it is
            called and put back after the training.
        images: size of the training subset, from classes to N.
        epochs: passes over the subset in all, 1 or more.
        seed: fixes the subset, the first weights, the batch order and the augmentation draws.
        recipe: the optimiser's numbers.
        loss: what is minimised; None is `soft_loss` with the recipe's label smoothing. Every metric stays what it is
            without one.
        examine: called with the trained network; what it gives is added to the metrics. Its time does not count.
        follow: called at each point of the learning curve with the curve so far, which it must not change.
        origin: a checkpoint to begin with. With its seed, on CPU, the child becomes what it would have been without the
            stop, to the last bit; with another seed it is a fork, whose order and draws are those of (seed, epoch).
        keeper: is given the checkpoints that it says are due.
        begin: the epoch at which the child was measured before; the read-out of a trunk takes a fifth of those since.
        bases: keeps the networks that a recipe with `base_epochs` begins with; None: the base is trained anew.
        effects: metrics that were measured before.
        further: metrics that are measured besides, since they cost more than the others: "auroc".
        keep: called with the trained network, in evaluation mode, once its loss is known to be finite.
    """

    policy: Policy
    data: DeviceData
    factory: Callable[[], nn.Module]
    images: int
    epochs: int
    seed: int
    recipe: Recipe
    loss: Loss | None = None
    examine: Callable[[Logits], Examined] | None = None
    follow: Callable[[list[dict[str, float]]], None] | None = None
    origin: Checkpoint | None = None
    keeper: Keeper | None = None
    begin: int = 0
    bases: Bases | None = None
    effects: Mapping[str, float] = field(default_factory=dict)
    further: tuple[str, ...] = ()
    keep: Callable[[nn.Module], None] | None = None
