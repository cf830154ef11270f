"""Averages of a network's weights over the end of its training."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from policysearch.child.checkpoint import network_state, restore_network


class WeightAverage:
    """A copy of a network that follows it, each step by 1/max(1, share·steps) of the way.

    Its weights are about the mean over the last `share` of the steps done, however many these are, and so are its
    running statistics; it can be judged after any step. Shamir & Zhang 2013, section 4, with weights of the same order.
    (`torch.optim.swa_utils.AveragedModel` gives the same numbers, but imports `torch._dynamo`, and waits for the device
    at every step.)

    Args:
        network: on its device.
        share: in (0, 1]; 1 is the mean over all steps.

    Attributes:
        network: the copy.

    Example:
        >>> network = nn.Linear(1, 1, bias=False)
        >>> average = WeightAverage(network, share=1.0)
        >>> for weight in (1.0, 3.0):
        ...     _ = nn.init.constant_(network.weight, weight)
        ...     average.update(network)
        >>> average.network.weight.item()
        2.0
    """

    def __init__(self, network: nn.Module, share: float) -> None:
        self.network = copy.deepcopy(network)
        self._share = share
        self._steps = 0
        self._means, self._counts = _split(self.network)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Follow the network by one step.

        Args:
            network: the one that was copied, as it is now.
        """
        self._steps += 1
        values, current_counts = _split(network)
        torch._foreach_lerp_(self._means, values, 1 / max(1.0, self._share * self._steps))
        for count, current in zip(self._counts, current_counts, strict=True):
            count.copy_(current)

    def state(self) -> dict[str, Any]:
        """What it needs to go on: the steps done, and the copy."""
        return {"steps": self._steps, "network": network_state(self.network)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._steps = state["steps"]
        restore_network(self.network, state["network"])


def _split(network: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Weights and buffers: those of floating point, and whole numbers, of which there is no mean."""
    tensors = [tensor.detach() for tensor in chain(network.parameters(), network.buffers())]
    floating = [tensor for tensor in tensors if tensor.is_floating_point()]
    return floating, [tensor for tensor in tensors if not tensor.is_floating_point()]
