"""Adam for the small networks of rules, without the compiler that `torch.optim` loads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from policysearch.child.checkpoint import copied


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1) with L2 decay, as `torch.optim.Adam` computes it.

    Args:
        weights: float tensors that get gradients.
        eps: added to the root of the second moment.
        weight_decay: 0 or more.
    """

    def __init__(self, weights: Sequence[Tensor], *, eps: float, weight_decay: float) -> None:
        self._weights = tuple(weights)
        self._eps, self._decay = eps, weight_decay
        self._betas = (0.9, 0.999)
        self._means = [torch.zeros_like(weight) for weight in self._weights]
        self._squares = [torch.zeros_like(weight) for weight in self._weights]
        self._steps = 0

    @torch.no_grad()
    def step(self, loss: Tensor, rate: float) -> None:
        """Move the weights down the gradient of a loss.

        Args:
            loss: [] float32, computed from the weights.
            rate: the learning rate, 0 or more.
        """
        with torch.enable_grad():
            slopes = torch.autograd.grad(loss, self._weights)
        self._steps += 1
        first, second = self._betas
        size = rate / (1 - first**self._steps)
        root = (1 - second**self._steps) ** 0.5
        for weight, slope, mean, square in zip(self._weights, slopes, self._means, self._squares, strict=True):
            slope = slope + self._decay * weight
            mean.lerp_(slope, 1 - first)
            square.mul_(second).addcmul_(slope, slope, value=1 - second)
            weight.addcdiv_(mean, square.sqrt().div_(root).add_(self._eps), value=-size)

    def state(self) -> dict[str, Any]:
        """The moments and the number of steps."""
        moments = {"means": self._means, "squares": self._squares}
        return {
            "steps": self._steps,
            **{name: [copied(moment) for moment in values] for name, values in moments.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` gave."""
        self._steps = int(state["steps"])
        for name, values in (("means", self._means), ("squares", self._squares)):
            for value, stored in zip(values, state[name], strict=True):
                value.copy_(stored)
