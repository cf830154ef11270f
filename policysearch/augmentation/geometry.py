"""Shears and rotations as matrices: output pixel (x, y, 1) -> source pixel (x, y), nearest neighbour.

A builder takes (magnitude [b] float32, height, width) and returns [b, 2, 3] float32. Conventions are
torchvision's: shear about the top left corner, rotation counter-clockwise about the centre.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["MATRICES", "warp"]


def _matrix(magnitude: Tensor, **entries: Tensor | float) -> Tensor:
    """Rows (a, b, c) and (d, e, f), the identity where not given."""
    identity = {"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0, "e": 1.0, "f": 0.0}
    out = torch.empty(len(magnitude), 6, device=magnitude.device)
    for column, value in enumerate((identity | entries).values()):
        out[:, column] = value
    return out.view(-1, 2, 3)


def _shear_x(magnitude: Tensor, height: int, width: int) -> Tensor:
    return _matrix(magnitude, b=magnitude, c=magnitude / 2)


def _shear_y(magnitude: Tensor, height: int, width: int) -> Tensor:
    return _matrix(magnitude, d=magnitude, f=magnitude / 2)


def _rotate(magnitude: Tensor, height: int, width: int) -> Tensor:
    cos, sin = magnitude.deg2rad().cos(), magnitude.deg2rad().sin()
    x, y = (width - 1) / 2, (height - 1) / 2
    return _matrix(magnitude, a=cos, b=-sin, c=x - cos * x + sin * y, d=sin, e=cos, f=y - sin * x - cos * y)


MATRICES: dict[str, Callable[[Tensor, int, int], Tensor]] = {
    "shear-x": _shear_x,
    "shear-y": _shear_y,
    "rotate": _rotate,
}


def warp(values: Tensor, matrices: Tensor, fill: int) -> Tensor:
    """values [b, C, H, W] of any dtype seen through matrices [b, 2, 3]; `fill` outside the source."""
    height, width = values.shape[2:]
    xs = torch.arange(width, device=values.device, dtype=torch.float32)
    ys = torch.arange(height, device=values.device, dtype=torch.float32)[:, None]
    a, b, c, d, e, f = matrices.flatten(1)[:, :, None, None].unbind(1)
    x = (a * xs + (b * ys + c)).round_()
    y = (d * xs + (e * ys + f)).round_()
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    index = y.mul_(width).add_(x).masked_fill_(~inside, 0).long().flatten(1)[:, None]
    moved = values.flatten(2).gather(2, index.expand(-1, values.shape[1], -1)).view(values.shape)
    return moved.masked_fill_(~inside[:, None], fill)
