"""Operations that hide pixels: (height, width, magnitude [B], numbers [B, K] in [0, 1)) -> [B, H, W] bool, True where
a pixel is hidden."""

from __future__ import annotations

import math

from policysearch.export.templates.array_geometry import box_of_area
from policysearch.export.templates.array_library import Array, cast, xp
from policysearch.export.templates.array_pixels import hashed_uniforms

ERASING_LOG_RATIO = math.log(3.3)
CELLS = (4, 5, 7, 14, 0)


def inside(height: int, width: int, top: Array, left: Array, rows: Array, columns: Array) -> Array:
    """[B, H, W] bool: whether a pixel lies in its image's box."""
    ys, xs = xp.arange(height, dtype="float32")[None], xp.arange(width, dtype="float32")[None]
    down = (ys >= top[:, None]) & (ys < (top + rows)[:, None])
    across = (xs >= left[:, None]) & (xs < (left + columns)[:, None])
    return down[:, :, None] & across[:, None]


def cutout(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    """A square of side round(magnitude · shorter side), its centre any pixel alike."""
    side = xp.round(magnitude * min(height, width))
    top = xp.floor(numbers[:, 0] * height) - xp.floor(side / 2)
    left = xp.floor(numbers[:, 1] * width) - xp.floor(side / 2)
    return inside(height, width, top, left, side, side)


def random_erasing(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    """A box of a share `magnitude` of the area, its shape log-even in [1/3.3, 3.3], every place alike."""
    boxes = box_of_area(height, width, xp.maximum(magnitude, 1e-6), numbers, ERASING_LOG_RATIO)
    top, left, rows, columns = (boxes[:, i] for i in range(4))
    return inside(height, width, top, left, xp.where(magnitude > 0, rows, 0.0), columns)


def grid_mask(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    """A grid of hidden squares of side round(magnitude · period), the period even in [3/7, 1] of the shorter side."""
    shorter = min(height, width)
    least = math.ceil(shorter * 3 / 7)
    period = least + xp.floor(numbers[:, 0] * (shorter - least + 1))
    side = xp.round(magnitude * period)[:, None]
    down, across = (
        xp.mod(
            xp.arange(length, dtype="float32")[None] + xp.floor(numbers[:, i + 1] * period)[:, None], period[:, None]
        )
        < side
        for i, length in enumerate((height, width))
    )
    return down[:, :, None] & across[:, None]


def hide_and_seek(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    """Each cell of a grid of 4, 5, 7, 14 or no cells a side hidden with probability `magnitude`."""
    most = max(CELLS)
    cells = xp.take(xp.array(CELLS, dtype="int32"), cast(xp.floor(numbers[:, 0] * len(CELLS)), "int32"), axis=0)
    hidden = (hashed_uniforms(numbers[:, 1:3], most * most) < magnitude[:, None]) & (cells > 0)[:, None]
    ys, xs = (xp.arange(length, dtype="int32")[None] * cells[:, None] // length for length in (height, width))
    places = xp.reshape(ys[:, :, None] * most + xs[:, None], (-1, height * width))
    return xp.reshape(xp.take_along_axis(hidden, places, axis=1), (-1, height, width))
