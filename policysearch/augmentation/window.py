"""Flips, whole-pixel translations and crops: each axis moves by itself, so any number of them is one gather.

A builder takes (magnitude [b] float32, position [b, 2] float32 in [0, 1) as (y, x), height, width) and returns
[b, 2, 2] float32: for the y axis then the x axis, (scale, offset) with source = scale · output + offset.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["MOVES", "Window"]


def _moves(magnitude: Tensor, y: Tensor | float = 0.0, x: Tensor | float = 0.0, x_scale: float = 1.0) -> Tensor:
    out = torch.ones(len(magnitude), 2, 2, device=magnitude.device)
    out[:, 0, 1], out[:, 1, 1] = y, x
    out[:, 1, 0] = x_scale
    return out


def _translate_x(magnitude: Tensor, position: Tensor, height: int, width: int) -> Tensor:
    return _moves(magnitude, x=-(magnitude * width).trunc())


def _translate_y(magnitude: Tensor, position: Tensor, height: int, width: int) -> Tensor:
    return _moves(magnitude, y=-(magnitude * height).trunc())


def _translate_x_pixels(magnitude: Tensor, position: Tensor, height: int, width: int) -> Tensor:
    return _moves(magnitude, x=-magnitude.trunc())


def _translate_y_pixels(magnitude: Tensor, position: Tensor, height: int, width: int) -> Tensor:
    return _moves(magnitude, y=-magnitude.trunc())


def _flip_horizontal(magnitude: Tensor, position: Tensor, height: int, width: int) -> Tensor:
    return _moves(magnitude, x=width - 1.0, x_scale=-1.0)


def _pad_and_crop(magnitude: Tensor, position: Tensor, height: int, width: int) -> Tensor:
    """Pad by round(magnitude · side) on all sides, then crop a window of the old size, every place alike."""
    sides = torch.tensor([height, width], dtype=torch.float32, device=magnitude.device)
    pad = (magnitude[:, None] * sides).round()
    offset = (position * (2 * pad + 1)).floor() - pad
    return _moves(magnitude, offset[:, 0], offset[:, 1])


def _soft_crop(magnitude: Tensor, position: Tensor, height: int, width: int) -> Tensor:
    """Offsets from N(0, σL), L the longer side, redrawn while |t| > L, rounded (Liu et al. 2023, section 4.1).

    The redraw is done by inverting the truncated normal's distribution function. The paper's text clips
    instead; its listing 1 scales each side by itself and cuts toward zero; the public code has σ in pixels.
    """
    longer = max(height, width)
    sigma = magnitude.clamp(min=1e-6)[:, None]
    u = (2 * position - 1) * (1 / (sigma * 2**0.5)).erf()
    offset = (sigma * longer * 2**0.5 * u.clamp(-1 + 1e-7, 1 - 1e-7).erfinv()).clamp(-longer, longer).round()
    return _moves(magnitude, offset[:, 0], offset[:, 1])


MOVES: dict[str, Callable[[Tensor, Tensor, int, int], Tensor]] = {
    "translate-x": _translate_x,
    "translate-y": _translate_y,
    "translate-x-pixels": _translate_x_pixels,
    "translate-y-pixels": _translate_y_pixels,
    "flip-horizontal": _flip_horizontal,
    "pad-and-crop": _pad_and_crop,
    "soft-crop": _soft_crop,
}


class Window:
    """Moves collected for B images: which source row and column each output row and column shows, -1 for none."""

    def __init__(self, batch: int, height: int, width: int, device: torch.device) -> None:
        self._axes = [torch.arange(side, device=device).repeat(batch, 1) for side in (height, width)]
        self._moved = torch.zeros(batch, dtype=torch.bool, device=device)

    def move(self, rows: Tensor, moves: Tensor) -> None:
        """Apply moves [b, 2, 2] to images `rows` [b] int64, after the moves collected so far."""
        self._moved[rows] = True
        for a, axis in enumerate(self._axes):
            side = axis.shape[1]
            source = moves[:, a, :1] * torch.arange(side, device=axis.device) + moves[:, a, 1:]
            source = source.long()
            inside = (source >= 0) & (source < side)
            axis[rows] = axis[rows].gather(1, source.clamp_(0, side - 1)).masked_fill_(~inside, -1)

    def take(self, values: Tensor, fill: int) -> Tensor:
        """values [B, C, H, W] of any dtype, moved; `fill` where nothing is shown."""
        if not self._moved.any():
            return values
        chosen = slice(None) if self._moved.all() else self._moved.nonzero().flatten()
        out = values if isinstance(chosen, slice) else values[chosen]
        ys, xs = (axis[chosen] for axis in self._axes)
        pixels, width = values.shape[2] * values.shape[3], values.shape[3]
        ys, xs = ys.mul(width).masked_fill_(ys < 0, pixels), xs.masked_fill(xs < 0, pixels)
        index = (ys[:, :, None] + xs[:, None]).clamp_(max=pixels).view(len(ys), 1, pixels)
        padded = F.pad(out.flatten(2), (0, 1), value=fill)
        out = padded.gather(2, index.expand(-1, values.shape[1], -1)).view(-1, *values.shape[1:])
        if not isinstance(chosen, slice):
            values[chosen] = out
            return values
        return out

    def visible(self) -> Tensor:
        """[B] float32: share of source pixels shown."""
        ys, xs = ((axis >= 0).float().mean(1) for axis in self._axes)
        return ys * xs
