"""Which pixels of the source images the views of two draws show, and their intersection over union."""

from __future__ import annotations

import torch
from torch import Tensor

from policysearch.augmentation.apply import track
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.augmentation.sampling import Draw
from policysearch.policy.operations import OPERATIONS

_PART = 2**21  # pixels tracked at once
_BY_AXIS = {"move", "crop"}
"""Kinds of operations that act on each axis by itself."""


def shared_share(first: Draw, second: Draw, height: int, width: int) -> Tensor:
    """The intersection over union of what two views of each image show.

    Source pixels are counted, not estimated: those that both views show over those that at least one shows. For crops,
    translations and flips that is the ratio of the two boxes in the image, cut off at its edges; turned, bent
    and hidden pixels count as they are. Steps are tracked nearest neighbour, as for `visibility`.

    Args:
        first, second: draws for the same B images, without a mixture.
        height, width: of the images.

    Returns:
        [B] float32 in [0, 1]; 0 where neither view shows anything.
    """
    rows = (OPERATIONS[name] for draw in (first, second) for name in draw.names)
    kinds = {row.kind for row in rows if row.visibility == "counted"}
    count = _by_axis if kinds <= _BY_AXIS else _by_pixel
    return count(first, second, height, width)


def _by_axis(first: Draw, second: Draw, height: int, width: int) -> Tensor:
    """Moves and crops act on each axis by itself, so a view shows some rows times some columns."""
    shown = [_rows_and_columns(draw, height, width) for draw in (first, second)]
    both = torch.ones(len(first), dtype=torch.int64, device=first.operations.device)
    sizes = [torch.ones_like(both), torch.ones_like(both)]
    for axis in (0, 1):
        both *= (shown[0][axis] & shown[1][axis]).sum(1)
        sizes = [size * of_view[axis].sum(1) for size, of_view in zip(sizes, shown, strict=True)]
    return _ratio(both, sizes[0] + sizes[1] - both)


def _by_pixel(first: Draw, second: Draw, height: int, width: int) -> Tensor:
    rows = torch.arange(len(first), device=first.operations.device)
    parts = [
        _ratio((seen & other).sum(1), (seen | other).sum(1))
        for part in rows.split(max(1, _PART // (height * width or 1)))
        for seen, other in [[_pixels(draw.rows(part), height, width) for draw in (first, second)]]
    ]
    return torch.cat(parts)


def _ratio(both: Tensor, either: Tensor) -> Tensor:
    return (both.double() / either.clamp(min=1)).float()


def _pixels(draw: Draw, height: int, width: int) -> Tensor:
    """[B, H·W] bool: the source pixels that are still there after the draw."""
    batch, pixels = len(draw), height * width
    index = torch.arange(pixels, device=draw.operations.device, dtype=torch.int32)
    places = track(draw, index.repeat(batch, 1).view(batch, 1, height, width), fill=-1)
    return _occurrences(places.view(batch, pixels), pixels)


def _rows_and_columns(draw: Draw, height: int, width: int) -> tuple[Tensor, Tensor]:
    """[B, H] and [B, W] bool: the source rows, and columns, that are still there."""
    device = draw.operations.device
    canvas = torch.empty(0, 1, height, width, device=device)
    places = [torch.arange(side, device=device).repeat(len(draw), 1) for side in (height, width)]
    for step in range(draw.operations.shape[1]):
        for index, name in enumerate(draw.names):
            if OPERATIONS[name].kind not in _BY_AXIS:
                continue
            rows = (draw.operations[:, step] == index).nonzero().flatten()
            if len(rows):
                change = KERNELS[name](canvas, draw.magnitudes[rows, step], draw.numbers[rows, step])
                for axis in (0, 1):
                    places[axis][rows] = _read(
                        places[axis][rows], _sources(OPERATIONS[name].kind, change, axis, canvas)
                    )
    return _occurrences(places[0], height), _occurrences(places[1], width)


def _sources(kind: str, change: Tensor, axis: int, canvas: Tensor) -> Tensor:
    """[b, side] int64: the place that each output place of an axis reads, of moves [b, 2, 2] or boxes [b, 4]."""
    side = canvas.shape[2 + axis]
    at = torch.arange(side, device=canvas.device, dtype=torch.float32)
    if kind == "move":
        return (change[:, axis, :1] * at + change[:, axis, 1:]).long()
    start, length = change[:, axis, None], change[:, axis + 2, None]
    return (((at + 0.5) * (length / side)).floor() + start).long()


def _read(places: Tensor, sources: Tensor) -> Tensor:
    """places [b, side] read at `sources`; -1 where these lie outside."""
    side = places.shape[1]
    outside = (sources < 0) | (sources >= side)
    return places.gather(1, sources.clamp(0, side - 1)).masked_fill_(outside, -1)


def _occurrences(places: Tensor, count: int) -> Tensor:
    """[B, count] bool: which of the numbers 0 to count - 1 occur in each row of `places`, where -1 is none of them."""
    seen = torch.zeros(len(places), count + 1, dtype=torch.bool, device=places.device)
    return seen.scatter_(1, places.long() + 1, True)[:, 1:]
