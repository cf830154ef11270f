"""Square patches that hide an exact share of an image (Liu et al. 2023, section 4.3.3, figures 4 and 5)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Shares of the area that are hidden, as in figure 5."""


def cover(height: int, width: int, share: float, places: Tensor) -> Tensor:
    """How much of each pixel a patch hides: [B, H, W] float64 in [0, 1], of sum share · H · W for each image.

    Pixels that the patch's edge crosses are hidden in part, so that the area is exact at any size of image. On images
    that are not square the patch has their aspect: a square of 80 % of the area would not fit into them.

    Args:
        height, width: of the images, pixels.
        share: of the area, in [0, 1].
        places: [B, 2] float in [0, 1), down and across; every place where the patch is whole is as likely as another.
    """
    rows = _along(height, math.sqrt(share), places[:, 0])
    columns = _along(width, math.sqrt(share), places[:, 1])
    return rows[:, :, None] * columns[:, None]


def _along(length: int, part: float, places: Tensor) -> Tensor:
    """[B, length] float64: the overlap of each pixel with an interval of part · length."""
    start = places.double()[:, None] * (1 - part) * length
    pixels = torch.arange(length, dtype=torch.float64, device=places.device)
    return (torch.minimum(pixels + 1, start + part * length) - torch.maximum(pixels, start)).clamp(min=0)


def occluded(inputs: Tensor, share: float, places: Tensor) -> Tensor:
    """Inputs [B, C, H, W] float32 of mean 0, under a patch of the mean, which is 0 (the paper names no colour)."""
    hidden = cover(inputs.shape[2], inputs.shape[3], share, places)
    return inputs * (1 - hidden).to(inputs.dtype)[:, None]
