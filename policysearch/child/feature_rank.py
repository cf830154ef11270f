"""How many directions the features of a network use: its effective rank before the last linear layer."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn


def effective_rank(features: Tensor) -> float:
    """Roy & Vetterli 2007, definition 1: exp(-Σ p_i ln p_i), p_i = σ_i / Σ σ, of the singular values σ.

    Args:
        features: [N, D] float, one row per image; they are not centred.

    Returns:
        A number in [1, min(N, D)]; 0 where all features are 0, nan where one is not finite.

    Example:
        >>> effective_rank(torch.eye(4))
        4.0
        >>> round(effective_rank(torch.diag(torch.tensor([3.0, 1.0]))), 4)
        1.7548
    """
    values = features.double()
    if not bool(values.isfinite().all()):
        return math.nan
    small = values if values.shape[0] <= values.shape[1] else values.T
    squares = torch.linalg.eigvalsh(small @ small.T).clamp(min=0)
    singular = squares.sqrt()
    total = singular.sum()
    if not total:
        return 0.0
    shares = singular[singular > 0] / total
    return round(float((-(shares * shares.log()).sum()).exp()), 9)


class Penultimate(AbstractContextManager["Penultimate"]):
    """Keeps what goes into a network's last linear layer in every forward pass within the context.

    Of a layer that sees several positions of an image the mean over them counts. A network without a linear layer
    gives its logits.

    Args:
        network: whose forward passes are watched.
        watching: False does nothing, for a network under torch.compile, which would compile the hooks too.

    Attributes:
        features: [B, D] of each pass, in order.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> with Penultimate(network) as watch:
        ...     _ = network(torch.zeros(5, 2))
        >>> [tuple(features.shape) for features in watch.features]
        [(5, 3)]
    """

    def __init__(self, network: nn.Module, *, watching: bool = True) -> None:
        self.features: list[Tensor] = []
        self._network = network
        self._watching = watching
        self._last: Tensor | None = None
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> Penultimate:
        if not self._watching:
            return self
        linear = [module for module in self._network.modules() if isinstance(module, nn.Linear)]
        self._handles = [module.register_forward_pre_hook(self._see) for module in linear]
        self._handles.append(self._network.register_forward_hook(self._keep))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def _see(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._last = inputs[0] if inputs and isinstance(inputs[0], Tensor) else self._last

    def _keep(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        seen = output if self._last is None else self._last
        rows = seen.detach().float().reshape(seen.shape[0], -1, seen.shape[-1])
        self.features.append(rows.mean(dim=1))
        self._last = None
