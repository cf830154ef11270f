"""Flips, whole-pixel translations and crops: each axis moves by itself, so any number of them is one pass.

That pass is a gather for small images, and one slice per image for large ones: a gather costs more per value, a slice
more per image.

A kernel takes (images [b, C, H, W], of which only the shape counts, magnitude [b] float32, numbers [b, K] in [0, 1))
and returns [b, 2, 2] float32 of whole numbers: for the y axis then the x axis, (scale, offset) with source = scale ·
output + offset, scale 1 or -1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_PIECE = 2**18  # values
_SLICED = 2**13
"""Values per image from which slices beat a gather on a CPU. Measured, the gather's time over that of slices: 0.6 at
3×32×32, 0.8 at 3×48×48, 1.2 at 3×64×64, 1.6 at 3×128×128, 1.9 at 3×224×224."""


def _moves(magnitude: Tensor, y: Tensor | None = None, x: Tensor | None = None) -> Tensor:
    zero, one = torch.zeros_like(magnitude), torch.ones_like(magnitude)
    return torch.stack([one, zero if y is None else y, one, zero if x is None else x], 1).view(-1, 2, 2)


def _flip(magnitude: Tensor, axis: int, side: int) -> Tensor:
    out = _moves(magnitude)
    out[:, axis, 0], out[:, axis, 1] = -1, side - 1
    return out


def _translate_x(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _moves(magnitude, x=-(magnitude * images.shape[3]).trunc())


def _translate_y(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _moves(magnitude, y=-(magnitude * images.shape[2]).trunc())


def _translate_x_pixels(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _moves(magnitude, x=-magnitude.trunc())


def _translate_y_pixels(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _moves(magnitude, y=-magnitude.trunc())


def _flip_horizontal(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _flip(magnitude, 1, images.shape[3])


def _flip_vertical(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _flip(magnitude, 0, images.shape[2])


def _pad_and_crop(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Pad by round(magnitude · side) on all sides, then crop a window of the old size, every place alike."""
    sides = torch.tensor(images.shape[2:], dtype=torch.float32, device=magnitude.device)
    pad = (magnitude[:, None] * sides).round()
    offset = (numbers[:, :2] * (2 * pad + 1)).floor() - pad
    return _moves(magnitude, offset[:, 0], offset[:, 1])


def truncated_normal(u: Tensor, sigma: Tensor, limit: Tensor) -> Tensor:
    """Draws from N(0, sigma²) redrawn while beyond ±limit, by inverting its distribution.

    Args:
        u: [b, n] float32 in [0, 1).
        sigma, limit: in the unit of the result, 0 or more, of shapes that broadcast with u's.
    """
    spread = sigma.clamp(min=1e-6) * 2**0.5
    inner = (2 * u - 1) * (limit / spread).erf()
    values = spread * inner.clamp(-1 + 1e-7, 1 - 1e-7).erfinv()
    return torch.minimum(torch.maximum(values, -limit), limit)


def _soft_crop(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Offsets from N(0, σL), L the longer side, redrawn while |t| > L, rounded (Liu et al. 2023, section 4.1).

    The sources differ: the paper's text clips the offsets at ±L, which puts mass on blank images; its listing 1
    scales σ by each side, and cuts toward zero, which doubles the mass of 0 (it also reads `self.sigma_crop`, which
    it never sets); the public code gives σ in pixels (12 at 32) and cuts toward zero too.
    """
    longer = torch.tensor(float(max(images.shape[2:])), device=magnitude.device)
    offset = truncated_normal(numbers[:, :2], magnitude[:, None] * longer, longer).round()
    return _moves(magnitude, offset[:, 0], offset[:, 1])


MOVES = {
    "translate-x": _translate_x,
    "translate-y": _translate_y,
    "translate-x-pixels": _translate_x_pixels,
    "translate-y-pixels": _translate_y_pixels,
    "flip-horizontal": _flip_horizontal,
    "flip-vertical": _flip_vertical,
    "pad-and-crop": _pad_and_crop,
    "soft-crop": _soft_crop,
}


class Window:
    """Moves collected for B images.

    Along an axis output place o shows source place scale·o + offset where first <= o <= last, and nothing
    elsewhere; a move keeps that form, so that any number of them is four numbers per image and axis.
    """

    def __init__(self, batch: int, height: int, width: int, device: torch.device) -> None:
        self._sides = torch.tensor([height, width], dtype=torch.float32, device=device)
        self._state = torch.zeros(batch, 2, 4, device=device)  # scale, offset, first, last
        self._state[:, :, 0] = 1
        self._state[:, :, 3] = self._sides - 1
        self._moved = torch.zeros(batch, dtype=torch.bool, device=device)

    def move(self, rows: Tensor, moves: Tensor) -> None:
        """Apply moves [b, 2, 2] to images `rows` [b] int64, after the moves collected so far."""
        scale, offset, first, last = self._state.index_select(0, rows).unbind(2)
        s, t = moves.unbind(2)
        ends = (first - t) * s, (last - t) * s
        low, high = torch.where(s > 0, ends[0], ends[1]), torch.where(s > 0, ends[1], ends[0])
        state = [scale * s, scale * t + offset, low.clamp_(min=0), torch.minimum(high, self._sides - 1)]
        self._state[rows] = torch.stack(state, 2)
        self._moved[rows] = True

    def take(self, values: Tensor, order: Tensor, fill: int) -> tuple[Tensor, Tensor]:
        """values [B, C, H, W] of any dtype, where values[i] is image order[i], with the moved images first and moved,
        and their order; `fill` where nothing is shown."""
        moved = self._moved.index_select(0, order)
        first = moved.logical_not().to(torch.uint8).argsort()
        count, order = int(moved.sum()), order.index_select(0, first)
        if values.device.type == "cpu" and values[:1].numel() >= _SLICED:
            return self._slices(values, first.tolist(), order[:count], fill), order
        values, rows = values.index_select(0, first), rows_a_piece(values)
        for at in range(0, count, rows):
            piece = slice(at, min(at + rows, count))
            values[piece] = self._gather(values[piece], self._state.index_select(0, order[piece]), fill)
        return values, order

    def _slices(self, values: Tensor, rows: list[int], moved: Tensor, fill: int) -> Tensor:
        """New values, of these rows in this order; the first of them show images `moved`, moved by a slice each."""
        out = torch.empty_like(values)
        states = self._state.index_select(0, moved).int().tolist()
        for target, row, axes in zip(out, rows, states, strict=False):
            _slide(values[row], target, axes, fill)
        for place in range(len(states), len(rows)):
            out[place] = values[rows[place]]
        return out

    def _gather(self, values: Tensor, state: Tensor, fill: int) -> Tensor:
        height, width = values.shape[2:]
        places = _shown(state, max(height, width))
        rows = places[:, 0, :height].mul(width + 2)
        return take_bordered(values, rows[:, :, None] + places[:, 1, None, :width], fill)

    def visible(self) -> Tensor:
        """[B] float32: share of source pixels shown."""
        lengths = (self._state[:, :, 3] - self._state[:, :, 2] + 1).clamp(min=0)
        return (lengths / self._sides).prod(1)


def _shown(state: Tensor, longer: int) -> Tensor:
    """[b, 2, 4] of a window -> [b, 2, longer] int64: the source place each output place shows, plus 1; 0 for none."""
    scale, offset, first, last = state[:, :, :, None].unbind(2)
    at = torch.arange(longer, device=state.device, dtype=torch.float32)
    hidden = (at < first).logical_or_(at > last)
    return (scale * at).add_(offset + 1).masked_fill_(hidden, 0).long()


def _slide(source: Tensor, target: Tensor, axes: list[list[int]], fill: int) -> None:
    """Write one image [C, H, W] moved by a window's numbers of the y and the x axis over another."""
    shown, backward = target, []
    for axis, (scale, offset, first, last) in enumerate(axes, start=1):
        length = max(0, last - first + 1)
        if length < source.shape[axis]:
            target.fill_(fill)
        start = scale * (first if scale > 0 else last) + offset if length else 0
        shown, source = shown.narrow(axis, first if length else 0, length), source.narrow(axis, start, length)
        if scale < 0:
            backward.append(axis)
    shown.copy_(source.flip(backward) if backward else source)


def rows_a_piece(values: Tensor) -> int:
    """How many images of [B, C, H, W] to work on at once: on a CPU, as many as stay in its cache."""
    return len(values) or 1 if values.device.type != "cpu" else max(1, _PIECE // max(1, values[:1].numel()))


def take_bordered(values: Tensor, index: Tensor, fill: int) -> Tensor:
    """values [b, C, H, W] at `index` [b, H, W] int64, places in the flattened images after a border one pixel wide,
    which is `fill`, was put around them."""
    bordered = F.pad(values, (1, 1, 1, 1), value=fill).flatten(2)
    return bordered.gather(2, index.flatten(1)[:, None].expand(-1, values.shape[1], -1)).view(values.shape)
