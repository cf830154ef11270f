"""What the rules of adaptive policies see of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from policysearch.child.adaptive.glimpse import glimpse
from policysearch.child.device_data import DeviceData
from policysearch.child.recipe import Precision
from policysearch.policy.policy import Policy

State = dict[str, Any]
"""Tensors, numbers, and lists and dictionaries of these: what `torch.load` takes with `weights_only`."""


@dataclass(frozen=True)
class Trainee:
    """The network that is trained, and what it is trained on.

    Attributes:
        network: itself, never compiled, so that hooks on it are called.
        data: the images on the device.
        precision: of its passes, as `chosen_precision` gives it.
        seed: of the training.
    """

    network: nn.Module
    data: DeviceData
    precision: Precision
    seed: int

    def judge(self, images: Tensor) -> Tensor:
        """[B, C, H, W] uint8 -> logits [B, classes] float32, the network left as it is (see `glimpse`)."""
        return glimpse(self.network, self.data.normalise(images), self.precision)


@dataclass(frozen=True)
class Situation:
    """The batch that a rule is to give magnitudes for.

    Attributes:
        policy: the adaptive policy, its present stage.
        rows: [B] int64, which images of the data.
        step, steps: the batch's training step, from 0, and how many there are in all.
        generator: the source of randomness, on the images' device.
    """

    policy: Policy
    rows: Tensor
    step: int
    steps: int
    generator: torch.Generator

    @property
    def progress(self) -> float:
        """The share of the training done, in [0, 1)."""
        return self.step / self.steps


@dataclass(frozen=True)
class Observation:
    """A batch that has been trained on.

    Attributes:
        rows: [B] int64, which images of the data.
        images: [B, C, H, W] uint8, as the network saw them.
        logits: [B, classes] float32, its answer, without gradient.
        progress: the share of the training that was done before, in [0, 1).
    """

    rows: Tensor
    images: Tensor
    logits: Tensor
    progress: float


class Rule(Protocol):
    """One rule in one training; whatever it remembers is in its state."""

    def shares(self, situation: Situation) -> Tensor:
        """[B] float32 in [0, 1], where each image's magnitudes lie in their ranges; nan draws them evenly."""

    def observe(self, observation: Observation) -> None:
        """Learn from a batch, after the step that it was for; batches come in the order of `shares`."""

    def state(self) -> State:
        """All that the rule remembers."""

    def restore(self, state: State) -> None:
        """Put back what `state` gave."""
