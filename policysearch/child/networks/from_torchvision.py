"""The classification networks of torchvision, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from policysearch.core.errors import unknown_name

_EXTRAS: dict[str, Callable[[tuple[int, int]], dict[str, Any]]] = {
    "googlenet": lambda size: {"aux_logits": False, "init_weights": True},
    "inception_v3": lambda size: {"aux_logits": False, "init_weights": True},
    "maxvit_t": lambda size: {"input_size": size},
    **dict.fromkeys(("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14"), lambda size: {"image_size": size[0]}),
}
"""Arguments of a builder besides the classes: the image's size, or to leave out outputs that only help training."""


def make_torchvision(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Make the untrained network `torchvision:NAME`; nothing is downloaded.

    Args:
        name: with its prefix.
        shape: channels, height, width of an image.
        classes: number of logits per image.

    Raises:
        UserError: torchvision has no classification network of that name (the message suggests the nearest).
    """
    from torchvision import models

    model = name.partition(":")[2]
    available = models.list_models(module=models)
    if model not in available:
        raise unknown_name("torchvision model", model, available)
    extra = _EXTRAS[model](shape[1:]) if model in _EXTRAS else {}
    network: nn.Module = models.get_model(model, weights=None, num_classes=classes, **extra)
    return _for_grey(network) if shape[0] == 1 else network


def _for_grey(network: nn.Module) -> nn.Module:
    """Let the first convolution take one channel: its weights are summed, as if grey were repeated three times."""
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d) and m.in_channels == 3)
    with torch.no_grad():
        first.weight = nn.Parameter(first.weight.sum(1, keepdim=True))
    first.in_channels = 1
    return network
