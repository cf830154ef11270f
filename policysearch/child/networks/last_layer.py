"""Which layer of a network gives its answers."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from policysearch.child.evaluation_mode import evaluating


def last_layer(network: nn.Module, images: Tensor, *kinds: type[nn.Module]) -> str | None:
    """The name of the layer that is called last, if its channels are the network's outputs.

    Args:
        network: on the device of the images; it is asked in evaluation mode, and left as it was.
        images: [B, C, H, W] float32.
        kinds: of layers that may be the last; others are not looked at.

    Returns:
        Its name; None where there is none of these kinds, or its outputs are not the network's.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 3))
        >>> last_layer(network, torch.zeros(2, 1, 8, 8), nn.Linear)
        '3'
    """
    outputs: list[tuple[str, Any]] = []

    def see(name: str, module: nn.Module, inputs: object, output: Any) -> None:
        outputs.append((name, output))

    layers = [(name, module) for name, module in network.named_modules() if name and isinstance(module, kinds)]
    handles = [module.register_forward_hook(partial(see, name)) for name, module in layers]
    try:
        with torch.no_grad(), evaluating(network):
            answers = network(images)
    finally:
        for handle in handles:
            handle.remove()

    if not outputs or not isinstance(answers, Tensor):
        return None
    name, output = outputs[-1]
    return name if _channels(network.get_submodule(name), output) == _channels(None, answers) else None


def _channels(layer: nn.Module | None, output: Tensor) -> int:
    """Outputs per place: of a convolution its channels, of a linear layer its last axis."""
    of_places = isinstance(layer, nn.Conv2d) or (layer is None and output.dim() == 4)
    return output.shape[1 if of_places else -1]
