"""A network with the optimiser that trains it, in the precision of the recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from policysearch.child.checkpoint import network_state, restore_network
from policysearch.child.compilation import compiled
from policysearch.child.fine_tuning.blocks import frozen_modules, rate_shares
from policysearch.child.precision import autocast, chosen_precision
from policysearch.child.recipe import Recipe
from policysearch.child.sgd import SGD
from policysearch.child.weight_averaging import WeightAverage
from policysearch.core.errors import CheckpointError


class Learner:
    """A fresh network on the device with SGD over its weights.

    Args:
        factory: makes the untrained network.
        recipe: the optimiser's numbers.
        device: where it is trained.
        memory_format: of its weights; its inputs should have the same.

    Attributes:
        network: the network itself, never compiled, so that hooks on it are called.
        judged: what is to be judged: the network, or the average of its weights.
    """

    def __init__(
        self,
        factory: Callable[[], nn.Module],
        recipe: Recipe,
        device: torch.device,
        memory_format: torch.memory_format = torch.channels_last,
    ) -> None:
        self.network = factory().to(device).to(memory_format=memory_format)
        self._frozen = frozen_modules(self.network, recipe)
        self._average = WeightAverage(self.network, recipe.averaging) if recipe.averaging else None
        self.judged = self._average.network if self._average else self.network
        self._optimiser = SGD(
            self.network.parameters(),
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            shares=rate_shares(self.network, recipe),
        )
        self._rate = recipe.rate
        self._device = device
        self._precision = chosen_precision(recipe.precision, device)
        self._forward = compiled(self.network) if recipe.compile else self.network
        self._scaler = torch.amp.GradScaler(device.type) if self._precision == "float16" else None

    def train(self) -> None:
        """Put the network in training mode, all but its frozen blocks."""
        self.network.train()
        for module in self._frozen:
            module.training = False

    def logits(self, inputs: Tensor) -> Tensor:
        """[B, C, H, W] float32 -> [B, classes] float32, whatever the precision of the passes."""
        with autocast(self._precision, self._device):
            out: Tensor = self._forward(inputs)
        return out.float()

    def answers(self, inputs: Tensor) -> Tensor:
        """The logits of what is to be judged, as `logits` gives those of the network."""
        if self._average is None:
            return self.logits(inputs)
        with autocast(self._precision, self._device):
            out: Tensor = self.judged(inputs)
        return out.float()

    def update(self, loss: Tensor, share: float = 1.0) -> None:
        """Take one optimiser step.

        float16 scales the loss, so that small gradients do not vanish, and skips a step that overflows (Micikevicius
        et al. 2018, section 3.2).

        Args:
            loss: [] float, of the current batch.
            share: of the highest learning rate, in [0, 1].
        """
        rate = self._rate * share
        self._optimiser.zero_grad()
        if self._scaler is None:
            loss.backward()
            self._optimiser.step(rate)
        else:
            self._scaler.scale(loss).backward()
            self._scaler.step(self._optimiser, rate)  # type: ignore[arg-type]  # it has what is used
            self._scaler.update()
        if self._average is not None:
            self._average.update(self.network)

    def state(self) -> dict[str, Any]:
        """What it needs to go on: weights, momenta, their average, and the scale of float16."""
        return {
            "network": network_state(self.network),
            "optimiser": self._optimiser.state(),
            "average": None if self._average is None else self._average.state(),
            "scaler": None if self._scaler is None else self._scaler.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave.

        Raises:
            CheckpointError: the network is another one.
        """
        restore_network(self.network, state["network"])
        self._optimiser.restore(state["optimiser"])
        for part, name in ((self._average, "average"), (self._scaler, "scaler")):
            if (part is None) != (state[name] is None):
                raise CheckpointError(f"the checkpoint is of a training with another {name}")
        if self._average is not None:
            self._average.restore(state["average"])
        if self._scaler is not None:
            self._scaler.load_state_dict(state["scaler"])
