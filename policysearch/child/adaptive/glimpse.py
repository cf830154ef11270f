"""What a network that is trained says of images that it is not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from policysearch.child.precision import autocast
from policysearch.child.recipe import Precision


@torch.no_grad()
def glimpse(network: nn.Module, inputs: Tensor, precision: Precision) -> Tensor:
    """The logits of a network in its present mode, which leaves no trace in it.

    A network in training normalises by the batch, so that what it says compares with its training steps; the averages
    that batch norm keeps are put back.

    Args:
        network: [B, C, H, W] float32 -> logits [B, classes].
        inputs: [B, C, H, W] float32, normalised as in training.
        precision: of the pass.

    Returns:
        [B, classes] float32.
    """
    with _buffers_restored(network), autocast(precision, inputs.device):
        logits: Tensor = network(inputs)
    return logits.float()


@contextmanager
def _buffers_restored(network: nn.Module) -> Iterator[None]:
    before = [(buffer, buffer.clone()) for buffer in network.buffers()]
    try:
        yield
    finally:
        for buffer, values in before:
            buffer.copy_(values)


class HeadInputs:
    """What goes into the last linear layer of a network: the features that its logits are made of.

    Args:
        network: whose linear layer with as many outputs as classes, the last of several, is watched.
        classes: how many.

    Attributes:
        width: numbers per image; `classes` where there is no such layer, and logits do in place of features.
        latest: [B, width] float32, of the last pass while it was watched, without gradient.
    """

    def __init__(self, network: nn.Module, classes: int) -> None:
        heads = [layer for layer in network.modules() if isinstance(layer, nn.Linear) and layer.out_features == classes]
        self._head = heads[-1] if heads else None
        self.width = classes if self._head is None else self._head.in_features
        self.latest: Tensor | None = None
        self._handle: torch.utils.hooks.RemovableHandle | None = None

    def watch(self) -> None:
        """Keep what passes through from now on."""
        self.latest = None
        if self._head is not None and self._handle is None:
            self._handle = self._head.register_forward_pre_hook(self._keep)

    def unwatch(self) -> None:
        """Leave the network alone."""
        if self._handle is not None:
            self._handle.remove()
        self._handle = None

    def of(self, logits: Tensor) -> Tensor | None:
        """[B, width] float32: the features of the last pass, which gave these logits; None where it was not seen."""
        return logits if self._head is None else self.latest

    def _keep(self, head: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        features = inputs[0].detach().float()
        self.latest = features.reshape(len(features), -1, self.width).mean(1)
