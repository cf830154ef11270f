"""Operations that move pixels, for whole batches of arrays.

A matrix kernel takes (height, width, magnitude [B], numbers [B, K] in [0, 1)) and gives [B, 3, 3] float32: output
pixel (x, y, 1) -> source pixel, nearest neighbour. A crop kernel gives boxes [B, 4], in pixels: top, left, height,
width.
"""

from __future__ import annotations

import math

from policysearch.export.templates.array_library import Array, cast, erf, erfinv, xp

TIE = 2.0**-10  # pixels: where a turn meets the middle between two pixels, the later one is read
LOG_RATIO = math.log(4 / 3)


def matrix(magnitude: Array, **entries: Array) -> Array:
    """Rows (a, b, c), (d, e, f) and (0, 0, 1), the identity where nothing is said."""
    zero, one = magnitude * 0, magnitude * 0 + 1
    plain = {"a": one, "b": zero, "c": zero, "d": zero, "e": one, "f": zero}
    return xp.reshape(xp.stack([*(plain | entries).values(), zero, zero, one], axis=1), (-1, 3, 3))


def whole(values: Array) -> Array:
    """Without what is behind the point."""
    return xp.sign(values) * xp.floor(xp.abs(values))


def shear_x(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    return matrix(magnitude, b=magnitude, c=magnitude / 2)


def shear_y(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    return matrix(magnitude, d=magnitude, f=magnitude / 2)


def rotate(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    """Counter-clockwise about the centre, in degrees."""
    angle = magnitude * (math.pi / 180)
    cos, sin = xp.cos(angle), xp.sin(angle)
    x, y = (width - 1) / 2, (height - 1) / 2
    left, up = x + TIE - cos * x + sin * y, y + TIE - cos * y - sin * x
    return matrix(magnitude, a=cos, b=-sin, c=left, d=sin, e=cos, f=up)


def translate_x(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    return matrix(magnitude, c=-whole(magnitude * width))


def translate_y(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    return matrix(magnitude, f=-whole(magnitude * height))


def translate_x_pixels(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    return matrix(magnitude, c=-whole(magnitude))


def translate_y_pixels(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    return matrix(magnitude, f=-whole(magnitude))


def flip_horizontal(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    return matrix(magnitude, a=magnitude * 0 - 1, c=magnitude * 0 + (width - 1))


def flip_vertical(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    return matrix(magnitude, e=magnitude * 0 - 1, f=magnitude * 0 + (height - 1))


def pad_and_crop(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    """A window of the old size, any place alike, after padding by round(magnitude · side) on all sides."""
    down, right = (xp.round(magnitude * side) for side in (height, width))
    y, x = (xp.floor(numbers[:, i] * (2 * pad + 1)) - pad for i, pad in enumerate((down, right)))
    return matrix(magnitude, c=x, f=y)


def truncated_normal(numbers: Array, sigma: Array, limit: Array) -> Array:
    """Draws from N(0, sigma²) redrawn while beyond ±limit, by inverting its distribution."""
    spread = xp.maximum(sigma, 1e-6) * 2**0.5
    inner = xp.clip((2 * numbers - 1) * erf(limit / spread), -1 + 1e-7, 1 - 1e-7)
    return xp.minimum(xp.maximum(spread * erfinv(inner), -limit), limit)


def soft_crop(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    """A window of the old size, moved along both axes by N(0, magnitude · longer side), not beyond that side."""
    longer = magnitude * 0 + float(max(height, width))
    y, x = (xp.round(truncated_normal(numbers[:, i], magnitude * longer, longer)) for i in (0, 1))
    return matrix(magnitude, c=x, f=y)


def perspective(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    """Each corner of the image goes up to floor(magnitude · half the side) pixels inward."""
    reach = [xp.floor(magnitude * (side // 2)) for side in (width, height)]
    corners = ((0, 0), (1, 0), (1, 1), (0, 1))
    inward = [[xp.floor(numbers[:, 2 * i + k] * (reach[k] + 1)) for k in (0, 1)] for i in range(4)]
    sides = (width - 1, height - 1)
    p, q, r, s = [
        [corner[k] * sides[k] + inward[i][k] * (1 - 2 * corner[k]) for k in (0, 1)] for i, corner in enumerate(corners)
    ]
    rows = seen_through(p, q, r, s, sides)
    lost = xp.all(rows[:, 2] == 0, axis=1)[:, None, None]
    still = (reach[0] + reach[1] == 0)[:, None, None]
    nowhere = matrix(magnitude, a=magnitude * 0, c=magnitude * 0 - 9, e=magnitude * 0, f=magnitude * 0 - 9)
    return xp.where(still, matrix(magnitude), xp.where(lost, nowhere, rows))


def seen_through(p: list[Array], q: list[Array], r: list[Array], s: list[Array], sides: tuple[int, int]) -> Array:
    """The way back from corners (x, y) to those of the image, [B, 3, 3] but for a factor; zeros where they meet.

    Heckbert 1989, equation 2.13, and the adjugate in place of the inverse.
    """
    a, b = [q[k] - r[k] for k in (0, 1)], [s[k] - r[k] for k in (0, 1)]
    total = [p[k] - q[k] + r[k] - s[k] for k in (0, 1)]
    area = a[0] * b[1] - b[0] * a[1]
    g = total[0] * b[1] - b[0] * total[1]
    h = a[0] * total[1] - total[0] * a[1]
    x = [(q[k] - p[k]) * area + g * q[k] for k in (0, 1)]
    y = [(s[k] - p[k]) * area + h * s[k] for k in (0, 1)]
    z = [p[k] * area for k in (0, 1)]
    rows = [
        [y[1] * area - z[1] * h, z[0] * h - y[0] * area, y[0] * z[1] - z[0] * y[1]],
        [z[1] * g - x[1] * area, x[0] * area - z[0] * g, z[0] * x[1] - x[0] * z[1]],
        [x[1] * h - y[1] * g, y[0] * g - x[0] * h, x[0] * y[1] - y[0] * x[1]],
    ]
    determinant = xp.where(area == 0, 0.0, x[0] * rows[0][0] + y[0] * rows[1][0] + z[0] * rows[2][0])
    scale = 1 / xp.where(determinant == 0, 1.0, determinant) * xp.where(determinant == 0, 0.0, area)

    # From the centres of pixels to their corners and back.
    rows = [[(row[0]) * scale, row[1] * scale, (row[0] / 2 + row[1] / 2 + row[2]) * scale] for row in rows]
    last = rows[2]
    first, second = ([sides[i] * rows[i][k] - last[k] / 2 for k in range(3)] for i in (0, 1))
    return xp.reshape(xp.stack([*first, *second, *last], axis=1), (-1, 3, 3))


def box_of_area(height: int, width: int, area: Array, numbers: Array, widest: float) -> Array:
    """Boxes of a share `area` of the image, anywhere, log(width / height) even in ±`widest` as far as it fits."""
    pixels = area * (height * width)
    highest, lowest = 2 * math.log(width) - xp.log(pixels), xp.log(pixels) - 2 * math.log(height)
    low = xp.maximum(lowest, xp.minimum(highest, -widest))
    high = xp.minimum(highest, xp.maximum(lowest, widest))
    half = xp.exp((low + (high - low) * numbers[:, 0]) * 0.5)
    h, w = xp.clip(xp.round(xp.sqrt(pixels) / half), 1, height), xp.clip(xp.round(xp.sqrt(pixels) * half), 1, width)
    top, left = xp.floor(numbers[:, 1] * (height - h + 1)), xp.floor(numbers[:, 2] * (width - w + 1))
    return xp.stack([top, left, h, w], axis=1)


def resized_crop(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    """A box of a share `magnitude` of the area, its shape log-even in [3/4, 4/3]."""
    return box_of_area(height, width, magnitude, numbers, LOG_RATIO)


def soft_resized_crop(height: int, width: int, magnitude: Array, numbers: Array) -> Array:
    """Soft Augmentation's ImageNet crop: a box that may reach outside the image."""
    starts, lengths = [], []
    for i, side in enumerate((height, width)):
        room = magnitude * 0 + math.ceil(side / 2)
        shrunk = xp.round(truncated_normal(0.5 + numbers[:, i] / 2, magnitude * room, room))
        box = xp.maximum(side - shrunk, 1)
        offset = truncated_normal(numbers[:, 2 + i], magnitude * (side + box), (side + box) / 2)
        starts.append(xp.round((side - box) / 2 + offset))
        lengths.append(box)
    return xp.stack([*starts, *lengths], axis=1)


def gathered(values: Array, rows: Array, columns: Array) -> Array:
    """values [B, H, W, C] at rows and columns, each [B, h, w] float32; 0 outside."""
    height, width, channels = values.shape[1:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    row, column = cast(xp.clip(rows, 0, height - 1), "int32"), cast(xp.clip(columns, 0, width - 1), "int32")
    places = row * width + column
    index = xp.repeat(xp.reshape(places, (-1, places.shape[1] * places.shape[2], 1)), channels, axis=2)
    out = xp.take_along_axis(xp.reshape(values, (-1, height * width, channels)), index, axis=1)
    shown = xp.reshape(out, (-1, places.shape[1], places.shape[2], channels))
    return shown * cast(inside, values.dtype)[..., None]


def warp(values: Array, matrices: Array) -> Array:
    """values [B, H, W, C] seen through matrices [B, 3, 3]; 0 outside."""
    height, width = values.shape[1:3]
    xs = xp.arange(width, dtype="float32")[None, None, :]
    ys = xp.arange(height, dtype="float32")[None, :, None]
    (a, b, c), (d, e, f), (g, h, i) = ([matrices[:, k, j][:, None, None] for j in range(3)] for k in range(3))
    depth = g * xs + (h * ys + i)
    safe = xp.where(depth == 0, 1.0, depth)
    x, y = ((a * xs + (b * ys + c)) / safe, (d * xs + (e * ys + f)) / safe)
    hidden = depth == 0
    rows, columns = (
        xp.where(hidden, -1.0, xp.clip(xp.round(place), -1, side)) for place, side in ((y, height), (x, width))
    )
    return gathered(values, rows, columns)


def resample(images: Array, boxes: Array) -> Array:
    """images [B, H, W, C] with each box [B, 4] resized to the whole, bilinear, rounded; black outside the image."""
    for axis in (1, 2):
        low, high, share = neighbours(boxes[:, axis - 1], boxes[:, axis + 1], images.shape[axis])
        first, second = along(images, low, axis), along(images, high, axis)
        part = share[:, :, None, None] if axis == 1 else share[:, None, :, None]
        images = xp.where(part < 0.5, first + part * (second - first), second - (second - first) * (1 - part))
    return xp.round(images)


def neighbours(start: Array, length: Array, side: int) -> tuple[Array, Array, Array]:
    """For every output place the two source places [B, side] and the second's share."""
    at = xp.arange(side, dtype="float32")[None] + 0.5
    source = xp.maximum(at * (length / side)[:, None] - 0.5, 0.0)
    low = xp.floor(source)
    high = xp.minimum(low + 1, length[:, None] - 1)
    return low + start[:, None], high + start[:, None], source - low


def along(values: Array, places: Array, axis: int) -> Array:
    """values [B, H, W, C] at places [B, n] of axis 1 or 2; 0 outside."""
    zero = xp.zeros_like(places)[:, :1]
    if axis == 1:
        columns = zero[:, :, None] + xp.arange(values.shape[2], dtype="float32")[None, None, :]
        return gathered(values, places[:, :, None] + columns * 0, columns + places[:, :, None] * 0)
    rows = zero[:, :, None] + xp.arange(values.shape[1], dtype="float32")[None, :, None]
    return gathered(values, rows + places[:, None, :] * 0, places[:, None, :] + rows * 0)


def nearest(values: Array, boxes: Array) -> Array:
    """values [B, H, W, C] with each box resized to the whole, nearest neighbour; 0 outside."""
    for axis in (1, 2):
        side = values.shape[axis]
        at = xp.arange(side, dtype="float32")[None] + 0.5
        values = along(values, xp.floor(at * (boxes[:, axis + 1] / side)[:, None]) + boxes[:, axis - 1][:, None], axis)
    return values
