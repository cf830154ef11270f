"""A network on a device, without a training: made anew, and asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from policysearch.child.device_data import DeviceData
from policysearch.child.precision import autocast, chosen_precision
from policysearch.child.recipe import Precision, Recipe

Answers = Callable[[Tensor], Tensor]
"""From images [B, C, H, W] float32, normalised, to logits [B, classes] float32."""


def untrained(factory: Callable[[], nn.Module], data: DeviceData) -> nn.Module:
    """An untrained network on the device of some data; torch's global generator is left as it was.

    Args:
        factory: makes it.
        data: whose memory format it gets.
    """
    device = data.images.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        return factory().to(device).to(memory_format=data.memory_format)


def answers_of(network: nn.Module, recipe: Recipe, device: torch.device) -> Answers:
    """What a network answers, without gradients; it is asked in the mode in which it is.

    Args:
        network: on the device.
        recipe: it was trained with, for the precision of its passes.
        device: where the images are.
    """
    return partial(_answers, network, chosen_precision(recipe.precision, device), device)


@torch.no_grad()
def _answers(network: nn.Module, precision: Precision, device: torch.device, inputs: Tensor) -> Tensor:
    with autocast(precision, device):
        out: Tensor = network(inputs)
    return out.float()
