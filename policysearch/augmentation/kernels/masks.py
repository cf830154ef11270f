"""Masks: (images [b, C, H, W], of which only the shape counts, magnitude [b], numbers [b, K]) -> [b, H, W] bool,
True where a pixel is hidden."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from policysearch.augmentation.counter_rng import uniforms
from policysearch.augmentation.kernels.crops import box_of_area
from policysearch.augmentation.kernels.fiducials import on_line

_ERASING_LOG_RATIO = math.log(3.3)
_CELLS = (4, 5, 7, 14, 0)


def inside(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """[b, H, W] bool of images [b, C, H, W] and boxes in pixels, each [b]: whether a pixel lies in its image's box."""
    ys = torch.arange(images.shape[2], device=top.device)
    xs = torch.arange(images.shape[3], device=top.device)
    rows = (ys >= top[:, None]) & (ys < (top + height)[:, None])
    columns = (xs >= left[:, None]) & (xs < (left + width)[:, None])
    return rows[:, :, None] & columns[:, None]


def _cutout(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """A square of side round(magnitude · shorter side), its centre any pixel alike (DeVries & Taylor 2017)."""
    height, width = images.shape[2:]
    side = (magnitude * min(height, width)).round()
    top = (numbers[:, 0] * height).floor() - (side / 2).floor()
    left = (numbers[:, 1] * width).floor() - (side / 2).floor()
    return inside(images, top, left, side, side)


def _random_erasing(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """A box of a share `magnitude` of the area, its shape log-even in [1/3.3, 3.3], every place alike, black.

    torchvision's form, but that shapes which do not fit are not drawn. Zhong et al. 2020 draw the share from
    [0.02, 0.4] (a `Uniform` magnitude), the shape evenly and not its logarithm, and fill with random values.
    """
    boxes = box_of_area(images, magnitude.clamp(min=1e-6), numbers, _ERASING_LOG_RATIO)
    top, left, height, width = boxes.unbind(1)
    return inside(images, top, left, torch.where(magnitude > 0, height, 0), width)


def _grid_mask(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """A grid of hidden squares of side round(magnitude · period) (Chen et al. 2020, whose r is 1 - magnitude).

    The period is drawn evenly from [3/7, 1] of the shorter side (the paper's 96 to 224 at 224), in whole pixels,
    and the grid's place evenly from a period; the paper's rotation is left to the operation `rotate`.
    """
    height, width = images.shape[2:]
    shorter = min(height, width)
    least = math.ceil(shorter * 3 / 7)
    period = least + (numbers[:, 0] * (shorter - least + 1)).floor()
    side = (magnitude * period).round()[:, None]
    offset = (numbers[:, 1:3] * period[:, None]).floor()
    hidden = [
        (torch.arange(length, device=period.device) + offset[:, i : i + 1]) % period[:, None] < side
        for i, length in enumerate((height, width))
    ]
    return hidden[0][:, :, None] & hidden[1][:, None]


def _hide_and_seek(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Each cell of a grid hidden with probability `magnitude` (Singh & Lee 2017; Singh et al. 2018: 0.5).

    The grid has 4, 5, 7 or 14 cells a side, or there is none, drawn evenly: the mixed form of the authors' code, with
    cells of 56, 44, 32 and 16 pixels at 224, and a fifth of all images left as they are. The papers fill with the data
    set's mean, which is not known here: cells are black, as all masks.
    """
    cells = torch.tensor(_CELLS, device=magnitude.device)[(numbers[:, 0] * len(_CELLS)).long()]
    most = max(_CELLS)
    hidden = (uniforms(numbers[:, 1:3], most * most) < magnitude[:, None]).view(-1, most, most)
    hidden &= (cells > 0)[:, None, None]
    ys, xs = (torch.arange(length, device=magnitude.device) * cells[:, None] // length for length in images.shape[2:])
    rows = hidden.gather(1, ys[:, :, None].expand(-1, -1, most))
    return rows.gather(2, xs[:, None].expand(-1, images.shape[2], -1))


def _line_bands(images: Tensor, magnitude: Tensor, numbers: Tensor, widths: Tensor | None = None) -> Tensor:
    """Vertical bands across a line of text, a share `magnitude` of it, evenly spaced.

    The bands' period is drawn evenly from one to two heights of the line, in whole pixels, and their place evenly from
    a period.
    """
    height = images.shape[2]
    period = height + (numbers[:, 0] * (height + 1)).floor()
    band = (magnitude * period).round()[:, None]
    offset = (numbers[:, 1] * period).floor()[:, None]
    xs = torch.arange(images.shape[3], device=magnitude.device)
    hidden = ((xs + offset) % period[:, None] < band) & on_line(images, widths)
    return hidden[:, None].expand(-1, height, -1)


def _line_strokes(images: Tensor, magnitude: Tensor, numbers: Tensor, widths: Tensor | None = None) -> Tensor:
    """One stroke through a line of text from end to end, round(magnitude · height) thick, every height alike."""
    height = images.shape[2]
    thickness = (magnitude * height).round()
    top = (numbers[:, 0] * (height - thickness + 1)).floor()
    ys = torch.arange(height, device=magnitude.device)
    rows = (ys >= top[:, None]) & (ys < (top + thickness)[:, None])
    return rows[:, :, None] & on_line(images, widths)[:, None]


MASKS = {
    "cutout": _cutout,
    "random-erasing": _random_erasing,
    "grid-mask": _grid_mask,
    "hide-and-seek": _hide_and_seek,
    "line-bands": _line_bands,
    "line-strokes": _line_strokes,
}
