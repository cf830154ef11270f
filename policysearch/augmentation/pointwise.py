"""Pointwise operations as 256-entry tables: (images [b, C, H, W] uint8, magnitude [b] float32) -> [b, C, 256] uint8.

Each equals torchvision's functional operation of the same name on uint8 (v2, `_color.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["TABLES", "gray", "look_up"]


def gray(images: Tensor) -> Tensor:
    """[b, C, H, W] uint8 -> [b, 1, H, W] float32: whole luma of RGB (as torchvision), else the mean channel."""
    if images.shape[1] == 3:
        r, g, b = images.float().unbind(1)
        return (r.mul(0.2989).add_(g, alpha=0.587).add_(b, alpha=0.114)).floor_().unsqueeze(1)
    return images.float().mean(1, keepdim=True)


def look_up(images: Tensor, tables: Tensor) -> Tensor:
    """Replace each value by its entry: [b, C, H, W] uint8 and [b, C, 256] uint8 -> [b, C, H, W] uint8."""
    return tables.gather(2, images.flatten(2).long()).view(images.shape)


def _values(images: Tensor) -> Tensor:
    return torch.arange(256, device=images.device, dtype=torch.float32)


def _clip(values: Tensor, images: Tensor) -> Tensor:
    b, c = images.shape[:2]
    return values.clamp_(0, 255).to(torch.uint8).expand(b, c, 256)


def _brightness(images: Tensor, magnitude: Tensor) -> Tensor:
    return _clip((_values(images) * (1 + magnitude)[:, None])[:, None], images)


def _contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    factor = (1 + magnitude)[:, None]
    mean = gray(images).mean((1, 2, 3))[:, None]
    return _clip((_values(images) * factor + mean * (1 - factor))[:, None], images)


def _posterize(images: Tensor, magnitude: Tensor) -> Tensor:
    dropped = 8 - magnitude.round().long()
    values = torch.arange(256, device=images.device)[None] >> dropped[:, None] << dropped[:, None]
    return _clip(values[:, None], images)


def _solarize(images: Tensor, magnitude: Tensor) -> Tensor:
    values = _values(images)[None]
    return _clip(torch.where(values >= magnitude[:, None], 255 - values, values)[:, None], images)


def _autocontrast(images: Tensor, magnitude: Tensor) -> Tensor:
    flat = images.flatten(2)
    low, high = flat.amin(2, keepdim=True).float(), flat.amax(2, keepdim=True).float()
    scale = (high - low) * (1 / 255)
    stretched = (_values(images) - low) / torch.where(high == low, 1.0, scale)
    return _clip(torch.where(high == low, _values(images), stretched), images)


def _equalize(images: Tensor, magnitude: Tensor) -> Tensor:
    """Pillow's scheme: entry v is (pixels below v + step // 2) // step, step = pixels below the brightest // 255."""
    flat = images.flatten(2).long()
    counts = torch.zeros(*flat.shape[:2], 256, dtype=torch.long, device=images.device)
    counts.scatter_add_(2, flat, torch.ones_like(flat))
    below = counts.cumsum(2) - counts
    step = below.gather(2, flat.amax(2, keepdim=True)) // 255
    values = (below + step // 2) // step.clamp(min=1)
    return _clip(torch.where(step > 0, values, torch.arange(256, device=images.device)), images)


TABLES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "posterize": _posterize,
    "solarize": _solarize,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
}
