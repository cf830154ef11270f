"""Operations of DALI: (uint8 RGB [H, W, C], magnitude, numbers [K] in [0, 1)) -> the same, one image at a time."""

from __future__ import annotations

import math
from typing import Any

from nvidia.dali import fn, types
from nvidia.dali import math as dali

Node = Any

TIE = 2.0**-10  # pixels: where a turn meets the middle between two pixels, the later one is read
LOG_RATIO = math.log(4 / 3)
ERASING_LOG_RATIO = math.log(3.3)


def number(node: Node) -> Node:
    return fn.cast(node, dtype=types.FLOAT)


def sides(image: Node) -> tuple[Node, Node]:
    """The height and the width of an image [H, W, C], float32."""
    shape = image.shape()
    return number(shape[0]), number(shape[1])


def rounded(node: Node) -> Node:
    """To the nearest whole number, halves to the even one."""
    up = dali.floor(node + 0.5)
    return up - number(up - node == 0.5) * (up - 2 * dali.floor(up / 2))


def whole(node: Node) -> Node:
    """Cut off towards 0."""
    return dali.floor(node) + number(node < 0) * number(dali.floor(node) < node)


def grey(node: Node) -> Node:
    """uint8: cut off at 0 and 255, and to the whole number below."""
    return fn.cast(dali.clamp(dali.floor(node), 0, 255), dtype=types.UINT8)


def seen_through(image: Node, a: Node, b: Node, c: Node, d: Node, e: Node, f: Node) -> Node:
    """Output pixel (x, y) shows source pixel (a·x + b·y + c, d·x + e·y + f), the nearest; black outside."""
    entries = [a, b, c + 0.5 - 0.5 * (a + b), d, e, f + 0.5 - 0.5 * (d + e)]
    matrix = fn.reshape(fn.stack(*entries), shape=[2, 3])
    return fn.warp_affine(image, matrix=matrix, fill_value=0, interp_type=types.INTERP_NN)


def moved(image: Node, y: Node, x: Node) -> Node:
    """The window of the old size whose top left corner is at (y, x), black outside."""
    one, none = x * 0 + 1, x * 0
    return seen_through(image, one, none, x, none, one, y)


def identity(image: Node, magnitude: Node, numbers: Node) -> Node:
    return image


def shear_x(image: Node, magnitude: Node, numbers: Node) -> Node:
    none = magnitude * 0
    return seen_through(image, none + 1, magnitude, magnitude / 2, none, none + 1, none)


def shear_y(image: Node, magnitude: Node, numbers: Node) -> Node:
    none = magnitude * 0
    return seen_through(image, none + 1, none, none, magnitude, none + 1, magnitude / 2)


def rotate(image: Node, magnitude: Node, numbers: Node) -> Node:
    """Counter-clockwise about the centre, in degrees."""
    height, width = sides(image)
    angle = magnitude * (math.pi / 180)
    cos, sin = dali.cos(angle), dali.sin(angle)
    x, y = (width - 1) / 2, (height - 1) / 2
    return seen_through(image, cos, -sin, x + TIE - cos * x + sin * y, sin, cos, y + TIE - cos * y - sin * x)


def translate_x(image: Node, magnitude: Node, numbers: Node) -> Node:
    return moved(image, magnitude * 0, -whole(magnitude * sides(image)[1]))


def translate_y(image: Node, magnitude: Node, numbers: Node) -> Node:
    return moved(image, -whole(magnitude * sides(image)[0]), magnitude * 0)


def translate_x_pixels(image: Node, magnitude: Node, numbers: Node) -> Node:
    return moved(image, magnitude * 0, -whole(magnitude))


def translate_y_pixels(image: Node, magnitude: Node, numbers: Node) -> Node:
    return moved(image, -whole(magnitude), magnitude * 0)


def flip_horizontal(image: Node, magnitude: Node, numbers: Node) -> Node:
    return fn.flip(image, horizontal=1, vertical=0)


def flip_vertical(image: Node, magnitude: Node, numbers: Node) -> Node:
    return fn.flip(image, horizontal=0, vertical=1)


def pad_and_crop(image: Node, magnitude: Node, numbers: Node) -> Node:
    """A window of the old size, any place alike, after padding by round(magnitude · side) on all sides."""
    pads = [rounded(magnitude * side) for side in sides(image)]
    y, x = (dali.floor(numbers[i] * (2 * pad + 1)) - pad for i, pad in enumerate(pads))
    return moved(image, y, x)


def box_of_area(image: Node, area: Node, numbers: Node, widest: float) -> tuple[Node, Node, Node, Node]:
    """Top, left, height and width of a share `area` of the image, anywhere, log(width / height) even in ±`widest`."""
    height, width = sides(image)
    pixels = area * (height * width)
    highest, lowest = 2 * dali.log(width) - dali.log(pixels), dali.log(pixels) - 2 * dali.log(height)
    low, high = dali.max(lowest, dali.min(highest, -widest)), dali.min(highest, dali.max(lowest, widest))
    half = dali.exp((low + (high - low) * numbers[0]) * 0.5)
    h = dali.min(dali.max(rounded(dali.sqrt(pixels) / half), 1.0), height)
    w = dali.min(dali.max(rounded(dali.sqrt(pixels) * half), 1.0), width)
    return dali.floor(numbers[1] * (height - h + 1)), dali.floor(numbers[2] * (width - w + 1)), h, w


def resized_crop(image: Node, magnitude: Node, numbers: Node) -> Node:
    """A box of a share `magnitude` of the area resized to the whole, its shape log-even in [3/4, 4/3]."""
    top, left, height, width = box_of_area(image, magnitude, numbers, LOG_RATIO)
    corner, extent = (fn.cast(fn.stack(*pair), dtype=types.INT32) for pair in ((top, left), (height, width)))
    box = fn.slice(image, start=corner, shape=extent, axes=[0, 1])
    size = fn.stack(*sides(image))
    return fn.resize(box, size=size, interp_type=types.INTERP_LINEAR, antialias=False)


def clipped(start: Node, length: Node, side: Node) -> tuple[Node, Node]:
    """Start and length of what of an interval lies within a side."""
    first = dali.min(dali.max(start, 0.0), side)
    return first, dali.min(dali.max(start + length, 0.0), side) - first


def hidden(image: Node, top: Node, left: Node, height: Node, width: Node) -> Node:
    """A box of the image black, as far as it lies within."""
    rows, columns = sides(image)
    (y, down), (x, right) = clipped(top, height, rows), clipped(left, width, columns)
    return fn.erase(image, anchor=fn.stack(y, x), shape=fn.stack(down, right), axis_names="HW", fill_value=0)


def cutout(image: Node, magnitude: Node, numbers: Node) -> Node:
    """A square of side round(magnitude · shorter side), its centre any pixel alike."""
    height, width = sides(image)
    side = rounded(magnitude * dali.min(height, width))
    half = dali.floor(side / 2)
    return hidden(image, dali.floor(numbers[0] * height) - half, dali.floor(numbers[1] * width) - half, side, side)


def random_erasing(image: Node, magnitude: Node, numbers: Node) -> Node:
    """A box of a share `magnitude` of the area, its shape log-even in [1/3.3, 3.3], every place alike."""
    top, left, height, width = box_of_area(image, dali.max(magnitude, 1e-6), numbers, ERASING_LOG_RATIO)
    return hidden(image, top, left, height * number(magnitude > 0), width)


def luma(image: Node) -> Node:
    """[H, W, 1] float32: whole luma of RGB."""
    pixels = number(image)
    return dali.floor(pixels[:, :, 0:1] * 0.2989 + pixels[:, :, 1:2] * 0.587 + pixels[:, :, 2:3] * 0.114)


def brightness(image: Node, magnitude: Node, numbers: Node) -> Node:
    return grey(number(image) * (1 + magnitude))


def contrast(image: Node, magnitude: Node, numbers: Node) -> Node:
    return grey(number(image) * (1 + magnitude) - fn.reductions.mean(luma(image)) * magnitude)


def color(image: Node, magnitude: Node, numbers: Node) -> Node:
    """A blend with the grey image."""
    return grey(number(image) * (1 + magnitude) + luma(image) * (0 - magnitude))


def grayscale(image: Node, magnitude: Node, numbers: Node) -> Node:
    one = luma(image)
    return grey(fn.cat(one, one, one, axis=2))


def hue(image: Node, magnitude: Node, numbers: Node) -> Node:
    """The hue turned by `magnitude` of the colour circle, in HSV."""
    pixels = number(image) / 255
    r, g, b = (pixels[:, :, i : i + 1] for i in range(3))
    value, low = dali.max(dali.max(r, g), b), dali.min(dali.min(r, g), b)
    chroma = value - low
    safe = chroma + number(chroma == 0)
    is_red, is_green = number(value == r), number(value == g)
    of_rest = is_green * ((b - r) / safe + 2) + (1 - is_green) * ((r - g) / safe + 4)
    sixths = is_red * ((g - b) / safe) + (1 - is_red) * of_rest + 6 * magnitude
    parts = []
    for offset in (5.0, 3.0, 1.0):
        t = sixths + offset - 6 * dali.floor((sixths + offset) / 6)
        parts.append(value - chroma * dali.clamp(dali.min(t, 4 - t), 0, 1))
    turned = dali.clamp(dali.floor(fn.cat(*parts, axis=2) * 255.999), 0, 255)
    still = number(magnitude == 0)
    return grey(still * number(image) + (1 - still) * turned)


def sharpness(image: Node, magnitude: Node, numbers: Node) -> Node:
    """A blend with a 3×3 smoothing (centre 5, others 1, over 13); the border stays. Of sides of 3 pixels or more."""
    pixels = number(image)
    rows = pixels[:-2] + pixels[1:-1] + pixels[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    inner = pixels[1:-1, 1:-1]
    change = (rounded((around + 4 * inner) / 13) - inner) * (0 - magnitude)
    size = fn.cast(fn.stack(*sides(image)), dtype=types.INT32)
    framed = fn.slice(change, start=[-1, -1], shape=size, axes=[0, 1], out_of_bounds_policy="pad", fill_values=0.0)
    return grey(pixels + framed)


def posterize(image: Node, magnitude: Node, numbers: Node) -> Node:
    step = rounded(dali.exp((8 - rounded(magnitude)) * math.log(2)))
    return grey(dali.floor(number(image) / step) * step)


def solarize(image: Node, magnitude: Node, numbers: Node) -> Node:
    pixels = number(image)
    over = number(pixels >= magnitude)
    return grey(over * (255 - pixels) + (1 - over) * pixels)


def solarize_add(image: Node, magnitude: Node, numbers: Node) -> Node:
    """Whole grey values added to what is below 128."""
    pixels = number(image)
    return grey(pixels + number(pixels < 128) * dali.floor(magnitude))


def invert(image: Node, magnitude: Node, numbers: Node) -> Node:
    return grey(255 - number(image))


def autocontrast(image: Node, magnitude: Node, numbers: Node) -> Node:
    pixels = number(image)
    low = fn.reductions.min(pixels, axes=[0, 1], keep_dims=True)
    high = fn.reductions.max(pixels, axes=[0, 1], keep_dims=True)
    flat = number(low == high)
    return grey((pixels - low * (1 - flat)) / ((high - low) * (1 / 255) + flat))


def equalize(image: Node, magnitude: Node, numbers: Node) -> Node:
    return fn.equalize(image)


def gaussian_blur(image: Node, magnitude: Node, numbers: Node) -> Node:
    """A blur by a Gaussian of sigma `magnitude` pixels cut off at 3 sigma, edges reflected."""
    sigma = dali.max(magnitude, 0.01)
    reach = [dali.min(dali.ceil(3 * sigma), side - 1) for side in sides(image)]
    window = fn.cast(fn.stack(*(2 * pixels + 1 for pixels in reach)), dtype=types.INT32)
    return fn.gaussian_blur(image, sigma=fn.stack(sigma, sigma), window_size=window)
