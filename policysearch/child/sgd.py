"""Stochastic gradient descent as the recipe has it, without the compiler that `torch.optim` loads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from policysearch.child.checkpoint import copied
from policysearch.core.errors import CheckpointError


class SGD:
    """SGD with L2 decay and Nesterov momentum, equal to `torch.optim.SGD` to the last bit.

    `torch.optim` imports `torch._dynamo` and with it SymPy and `torch._inductor` at its first step: half of a worker's
    start and a fifth of its memory. The update is

        g <- gradient + decay · w;  v <- momentum · v + g (v = g at first);  w <- w - rate · (g + momentum · v)

    of Sutskever et al. 2013, in the form of `torch.optim`. A weight without a gradient is left alone.

    `torch._foreach_*` are the functions that `torch.optim` itself calls: on CUDA one kernel for all weights, on the CPU
    the public in-place operations one tensor after another, without Python in between. One flat tensor of all weights
    and public operations would do as well, but autograd would have to add every gradient to its place in it, weights
    without a gradient would decay, and the ends of vectors would be rounded in other places.

    Args:
        weights: float tensors, one each; all on one device.
        momentum: in [0, 1); 0 is plain SGD.
        weight_decay: 0 or more.
        shares: the part of the rate that each weight has, in the order of `weights`; None: all of it.

    Attributes:
        param_groups: the weights under the name that `torch.amp.GradScaler` looks for.

    Example:
        >>> weight = torch.ones(1, requires_grad=True)
        >>> optimiser = SGD([weight], momentum=0.0, weight_decay=0.0)
        >>> (3 * weight).sum().backward()
        >>> optimiser.step(rate=0.1)
        >>> round(weight.item(), 4)
        0.7
    """

    def __init__(
        self,
        weights: Iterable[Tensor],
        *,
        momentum: float,
        weight_decay: float,
        shares: Sequence[float] | None = None,
    ) -> None:
        self._weights = tuple(weights)
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._shares = shares
        self._velocities: dict[int, Tensor] = {}
        self.param_groups = [{"params": [*self._weights]}]

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for weight in self._weights:
            weight.grad = None

    def state(self) -> dict[int, Tensor]:
        """The velocities by the place of their weight."""
        return {place: copied(velocity) for place, velocity in self._velocities.items()}

    def restore(self, state: dict[int, Tensor]) -> None:
        """Go on from what `state` gave, which later steps do not change.

        Raises:
            CheckpointError: a velocity is of another shape than its weight.
        """
        for place, velocity in state.items():
            if place >= len(self._weights) or velocity.shape != self._weights[place].shape:
                raise CheckpointError(f"the checkpoint is of another network: momentum {place} suits no weight")
        self._velocities = {
            place: velocity.to(self._weights[place].device, copy=True) for place, velocity in state.items()
        }

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move all weights that have gradients; what these hold afterwards is of no use.

        Args:
            rate: the learning rate, 0 or more.
        """
        slopes = {place: weight.grad for place, weight in enumerate(self._weights) if weight.grad is not None}
        if not slopes:
            return  # lists of tensors may not be empty
        weights = [self._weights[place] for place in slopes]
        steps = [*slopes.values()]

        if self._weight_decay:
            steps = [*torch._foreach_add(steps, weights, alpha=self._weight_decay)]
        if self._momentum:
            torch._foreach_add_(steps, self._velocities_after([*slopes], steps), alpha=self._momentum)
        if self._shares is not None:
            torch._foreach_mul_(steps, [self._shares[place] for place in slopes])
        torch._foreach_add_(weights, steps, alpha=-rate)

    def _velocities_after(self, places: Sequence[int], slopes: Sequence[Tensor]) -> list[Tensor]:
        """Add the slopes to the velocities of the weights at these places; a weight's first slope is its velocity."""
        moving = [
            (self._velocities[p], slope) for p, slope in zip(places, slopes, strict=True) if p in self._velocities
        ]
        if moving:
            velocities, additions = map(list, zip(*moving, strict=True))
            torch._foreach_mul_(velocities, self._momentum)
            torch._foreach_add_(velocities, additions)
        for place, slope in zip(places, slopes, strict=True):
            if place not in self._velocities:
                self._velocities[place] = slope.clone()
        return [self._velocities[place] for place in places]
