"""The remaining operations: filters on pixels, and masks.

A filter takes (images [b, C, H, W] uint8, magnitude [b] float32) and returns images; a mask takes
(magnitude [b], position [b, 2] in [0, 1) as (y, x), height, width) and returns [b, H, W] bool, True where hidden.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.augmentation.geometry import MATRICES
from policysearch.augmentation.pointwise import TABLES, gray
from policysearch.augmentation.window import MOVES

__all__ = ["FILTERS", "KERNELS", "MASKS"]


def _color(images: Tensor, magnitude: Tensor) -> Tensor:
    """Blend with the grey image (torchvision's `adjust_saturation`); unchanged unless RGB."""
    if images.shape[1] != 3:
        return images
    factor = (1 + magnitude)[:, None, None, None]
    return (images * factor + gray(images) * (1 - factor)).clamp_(0, 255).to(torch.uint8)


def _sharpness(images: Tensor, magnitude: Tensor) -> Tensor:
    """Blend with a 3x3 smoothing (centre 5, others 1, over 13), border pixels kept; as torchvision's."""
    channels, height, width = images.shape[1:]
    if height <= 2 or width <= 2 or not len(images):
        return images
    kernel = torch.ones(3, 3, device=images.device)
    kernel[1, 1] = 5
    pixels = images.float()
    smooth = F.conv2d(pixels, (kernel / 13).expand(channels, 1, 3, 3), groups=channels).round_()
    inner = pixels[..., 1:-1, 1:-1]
    inner += (smooth - inner) * -magnitude[:, None, None, None]
    return pixels.clamp_(0, 255).to(torch.uint8)


def _cutout(magnitude: Tensor, position: Tensor, height: int, width: int) -> Tensor:
    """A square of side round(magnitude · shorter side), its centre any pixel alike (DeVries & Taylor 2017)."""
    side = (magnitude * min(height, width)).round()
    top = (position[:, 0] * height).floor() - (side / 2).floor()
    left = (position[:, 1] * width).floor() - (side / 2).floor()
    ys = torch.arange(height, device=magnitude.device)[None]
    xs = torch.arange(width, device=magnitude.device)[None]
    rows = (ys >= top[:, None]) & (ys < (top + side)[:, None])
    columns = (xs >= left[:, None]) & (xs < (left + side)[:, None])
    return rows[:, :, None] & columns[:, None]


FILTERS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"color": _color, "sharpness": _sharpness}
MASKS: dict[str, Callable[[Tensor, Tensor, int, int], Tensor]] = {"cutout": _cutout}
KERNELS = frozenset({"identity", *TABLES, *MOVES, *MATRICES, *FILTERS, *MASKS})
"""Every operation that has pixels; a test holds it against the table of operations."""
