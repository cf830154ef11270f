"""The U-Net that learns masks on a CPU core."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SmallUNet(nn.Module):
    """A U-Net (Ronneberger et al. 2015) of about 30,000 weights for 28 to 128 pixels.

    [B, channels, H, W] float32 -> logits [B, classes, H, W], for any H and W. Each level has two 3×3 convolutions with
    batch norm; max pooling halves the sides on the way down, and on the way up features grow to the nearest neighbour
    and are joined with those of the same level. Convolutions keep the sides, so that every pixel gets logits.

    Args:
        channels: of an image.
        classes: of pixels.
        widths: channels of the levels, from the finest on.
    """

    def __init__(self, channels: int, classes: int, widths: tuple[int, ...] = (8, 16, 32)) -> None:
        super().__init__()
        inputs = (channels, *widths[:-1])
        self.down = nn.ModuleList(_level(i, o) for i, o in zip(inputs, widths, strict=True))
        pairs = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.up = nn.ModuleList(_level(coarse + fine, fine) for coarse, fine in pairs)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        features: list[Tensor] = []
        for level in self.down:
            x = level(F.max_pool2d(x, 2, ceil_mode=True) if features else x)
            features.append(x)
        for level, fine in zip(self.up, features[-2::-1], strict=True):
            grown = F.interpolate(x, fine.shape[2:], mode="nearest")
            x = level(torch.cat([grown, fine], 1))
        logits: Tensor = self.head(x)
        return logits


def _level(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions with batch norm and ReLU."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)
