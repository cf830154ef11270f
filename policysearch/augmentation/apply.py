"""Applying a draw: pure functions of images and what was drawn, grouped by operation."""

from __future__ import annotations

import torch
from torch import Tensor

from policysearch.augmentation.draw import OPERATION_NAMES, Draw
from policysearch.augmentation.geometry import MATRICES, warp
from policysearch.augmentation.kernels import FILTERS, MASKS
from policysearch.augmentation.pointwise import TABLES, look_up
from policysearch.augmentation.window import MOVES, Window

__all__ = ["apply", "visibility"]

_Group = tuple[str, Tensor, Tensor, Tensor]  # name, rows [b], magnitude [b], position [b, 2]


def apply(draw: Draw, images: Tensor) -> Tensor:
    """The images after every step of the draw.

    Args:
        draw: what was drawn for these B images.
        images: [B, C, H, W] uint8, on the draw's device; left as they are.

    Returns:
        New [B, C, H, W] uint8; black where an operation shows what lies outside the image.
    """
    out = images.clone(memory_format=torch.contiguous_format)
    return _walk(draw, out, fill=0, recolour=True)


def visibility(draw: Draw, height: int, width: int) -> Tensor:
    """The share of each image's source pixels that can still be seen, [B] float32 in [0, 1].

    Counted, not estimated: an image of pixel indices goes through the same geometric and mask steps, and
    the distinct indices left are counted. Pointwise operations and filters hide nothing.
    """
    batch, pixels = len(draw.operations), height * width
    if not _present(draw) & (MATRICES.keys() | MASKS.keys()):
        return _window(draw, height, width).visible()
    index = torch.arange(pixels, device=draw.operations.device).repeat(batch, 1).view(batch, 1, height, width)
    index = _walk(draw, index, fill=-1, recolour=False).view(batch, pixels)
    seen = torch.zeros(batch, pixels + 1, device=index.device)
    return seen.scatter_(1, index + 1, 1.0)[:, 1:].mean(1)


def _present(draw: Draw) -> set[str]:
    return {OPERATION_NAMES[index] for index in draw.operations.unique().tolist()}


def _groups(draw: Draw, step: int) -> list[_Group]:
    """The operations of one step with the images that take them, identity left out."""
    column = draw.operations[:, step]
    out = []
    for index in column.unique().tolist():
        if index:
            rows = (column == index).nonzero().flatten()
            out.append((OPERATION_NAMES[index], rows, draw.magnitudes[rows, step], draw.positions[rows, step]))
    return out


def _window(draw: Draw, height: int, width: int) -> Window:
    window = Window(len(draw.operations), height, width, draw.operations.device)
    for step in range(draw.operations.shape[1]):
        for name, rows, magnitude, position in _groups(draw, step):
            if name in MOVES:
                window.move(rows, MOVES[name](magnitude, position, height, width))
    return window


def _walk(draw: Draw, values: Tensor, fill: int, recolour: bool) -> Tensor:
    """All steps on `values` [B, C, H, W]; moves wait in a window until an operation needs the pixels."""
    height, width = values.shape[2:]
    window: Window | None = None
    for step in range(draw.operations.shape[1]):
        groups = _groups(draw, step)
        if window and any(name not in MOVES for name, *_ in groups):
            values, window = window.take(values, fill), None
        for name, rows, magnitude, position in groups:
            if name in MOVES:
                window = window or Window(len(values), height, width, values.device)
                window.move(rows, MOVES[name](magnitude, position, height, width))
        _hide(values, [group for group in groups if group[0] in MASKS], fill)
        _warp(values, [group for group in groups if group[0] in MATRICES], fill)
        if recolour:
            _recolour(values, groups)
    return window.take(values, fill) if window else values


def _hide(values: Tensor, groups: list[_Group], fill: int) -> None:
    for name, rows, magnitude, position in groups:
        hidden = MASKS[name](magnitude, position, *values.shape[2:])
        values[rows] = values[rows].masked_fill(hidden[:, None], fill)


def _warp(values: Tensor, groups: list[_Group], fill: int) -> None:
    """All shears and rotations of a step in one pass over their pixels."""
    if groups:
        rows = torch.cat([rows for _, rows, _, _ in groups])
        matrices = [MATRICES[name](magnitude, *values.shape[2:]) for name, _, magnitude, _ in groups]
        values[rows] = warp(values[rows], torch.cat(matrices), fill)


def _recolour(images: Tensor, groups: list[_Group]) -> None:
    tables = []
    for name, rows, magnitude, _ in groups:
        if name in TABLES:
            tables.append((rows, TABLES[name](images[rows], magnitude)))
        elif name in FILTERS:
            images[rows] = FILTERS[name](images[rows], magnitude)
    if tables:
        rows = torch.cat([rows for rows, _ in tables])
        images[rows] = look_up(images[rows], torch.cat([table for _, table in tables]))
