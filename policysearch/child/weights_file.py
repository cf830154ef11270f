"""A trained network as a file: its weights, and what they are for. Nothing in it is run when it is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from policysearch.child.device_data import DeviceData
from policysearch.core.files import replacing

SCHEMA = "policysearch.network/1"
"""What a file of this program calls itself; others may use the same keys otherwise."""


@dataclass(frozen=True)
class WeightsFile:
    """A trained network.

    Attributes:
        model: its name, as `--model` takes it.
        shape: channels, height, width of an image.
        classes: their names, in the order of the logits.
        mean, std: [C] each, of grey values 0 to 255: inputs are (image - mean)/std.
        weights: the state of the network.
    """

    model: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write the file whole; `torch.load(path, weights_only=True)` reads it."""
        content = {"schema": SCHEMA, **vars(self)}
        with replacing(path) as partial:
            torch.save(content, partial)


def weights_file(
    network: nn.Module, data: DeviceData, *, model: str, shape: tuple[int, int, int], classes: tuple[str, ...]
) -> WeightsFile:
    """What is kept of a trained network; the arguments are those of `WeightsFile` and the data it was trained on."""
    weights = {name: v.detach().cpu() if isinstance(v, Tensor) else v for name, v in network.state_dict().items()}
    mean, std = (tuple(values.flatten().tolist()) for values in (data.mean, data.std))
    return WeightsFile(model, shape, classes, mean, std, weights)
