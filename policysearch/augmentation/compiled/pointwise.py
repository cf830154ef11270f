"""Loops of operations that look at one pixel at a time: (source, target [C, H, W] uint8, magnitude) -> None.

All arithmetic is the float32 arithmetic of `policysearch.augmentation.kernels`, rounding by rounding, so that the
pixels are the same to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_RED, _GREEN, _BLUE = np.float32(0.2989), np.float32(0.587), np.float32(0.114)
_STEP = np.float32(1 / 255)
_ZERO, _ONE, _EIGHT, _TOP = np.float32(0), np.float32(1), np.float32(8), np.float32(255)


@intrinsic
def _fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a·b + c rounded once, as torch's vector loops add a multiple."""
    signature = types.float32(types.float32, types.float32, types.float32)
    return signature, lambda context, builder, signature, arguments: builder.fma(*arguments)


@njit(nogil=True, error_model="numpy")
def whole(value: np.float32) -> np.uint8:
    """The grey value of a float32: cut to [0, 255], fraction dropped."""
    value = value if value > _ZERO else _ZERO
    return np.uint8(value if value < _TOP else _TOP)


@njit(nogil=True, error_model="numpy")
def luma(r: np.uint8, g: np.uint8, b: np.uint8) -> np.float32:
    """The whole grey value of a colour, as float32."""
    red_and_green = _fused(np.float32(g), _GREEN, np.float32(r) * _RED)
    gray: np.float32 = np.floor(_fused(np.float32(b), _BLUE, red_and_green))
    return gray


@njit(nogil=True, error_model="numpy")
def copy(source: Pixels, target: Pixels) -> None:
    """Pixels as they are."""
    a, b = source.ravel(), target.ravel()
    for k in range(len(a)):
        b[k] = a[k]


@njit(nogil=True, error_model="numpy")
def brightness(source: Pixels, target: Pixels, magnitude: np.float32) -> None:
    """Values times 1 + magnitude."""
    a, b = source.ravel(), target.ravel()
    factor = _ONE + magnitude
    for k in range(len(a)):
        b[k] = whole(np.float32(a[k]) * factor)


@njit(nogil=True, error_model="numpy")
def posterize(source: Pixels, target: Pixels, magnitude: np.float32) -> None:
    """The highest bits alone."""
    a, b = source.ravel(), target.ravel()
    dropped = 8 - int(min(max(np.rint(magnitude), _ZERO), _EIGHT))
    mask = np.uint8(256 - (1 << dropped))
    for k in range(len(a)):
        b[k] = a[k] & mask


@njit(nogil=True, error_model="numpy")
def solarize(source: Pixels, target: Pixels, magnitude: np.float32) -> None:
    """Values from the threshold on turned over."""
    if magnitude > _TOP:
        copy(source, target)
        return
    a, b = source.ravel(), target.ravel()
    threshold = np.uint8(max(np.ceil(magnitude), _ZERO))
    for k in range(len(a)):
        b[k] = np.uint8(255) - a[k] if a[k] >= threshold else a[k]


@njit(nogil=True, error_model="numpy")
def invert(source: Pixels, target: Pixels) -> None:
    """255 minus the value."""
    a, b = source.ravel(), target.ravel()
    for k in range(len(a)):
        b[k] = np.uint8(255) - a[k]


@njit(nogil=True, error_model="numpy")
def look_up(source: Pixels, target: Pixels, table: Pixels) -> None:
    """Values by a table [256]; source and target are one channel [H, W], or all."""
    a, b = source.ravel(), target.ravel()
    for k in range(len(a)):
        b[k] = table[a[k]]


@njit(nogil=True, error_model="numpy")
def solarize_add(source: Pixels, target: Pixels, magnitude: np.float32) -> None:
    """Whole grey values added to what is below 128."""
    table = np.empty(256, np.uint8)
    added = np.floor(magnitude)
    for value in range(256):
        table[value] = whole(np.float32(value) + added) if value < 128 else value
    look_up(source, target, table)


@njit(nogil=True, error_model="numpy")
def contrast(source: Pixels, target: Pixels, magnitude: np.float32) -> None:
    """Blend with the mean grey value; the sum of the grey values must be exact in float32 (`EXACT_PIXELS`)."""
    pixels = source.shape[1] * source.shape[2]
    total = np.int64(0)
    if source.shape[0] == 3:
        r, g, b = source[0].ravel(), source[1].ravel(), source[2].ravel()
        for k in range(pixels):
            total += np.int64(luma(r[k], g[k], b[k]))
    else:
        a = source.ravel()
        for k in range(pixels):
            total += np.int64(a[k])
    mean = np.float32(total) / np.float32(pixels)
    table = np.empty(256, np.uint8)
    factor, moved = _ONE + magnitude, np.float64(mean) * np.float64(magnitude)
    for value in range(256):
        table[value] = whole(np.float32(np.float64(np.float32(value) * factor) - moved))
    look_up(source, target, table)


@njit(nogil=True, error_model="numpy")
def autocontrast(source: Pixels, target: Pixels) -> None:
    """Each channel stretched to 0..255."""
    for c in range(source.shape[0]):
        a, b = source[c].ravel(), target[c].ravel()
        low, high = a[0], a[0]
        for k in range(len(a)):
            low, high = min(low, a[k]), max(high, a[k])
        if low == high:
            copy(source[c : c + 1], target[c : c + 1])
            continue
        first = np.float32(low)
        span = (np.float32(high) - first) * _STEP
        table = np.empty(256, np.uint8)
        for value in range(256):
            table[value] = whole((np.float32(value) - first) / span)
        look_up(a, b, table)


@njit(nogil=True, error_model="numpy")
def equalize(source: Pixels, target: Pixels) -> None:
    """Each channel's histogram made even, by Pillow's scheme in whole numbers."""
    for c in range(source.shape[0]):
        a, b = source[c].ravel(), target[c].ravel()
        counts = np.zeros((4, 256), np.int32)  # four, as an increment waits for the one before it of the same value
        whole_quads = len(a) // 4 * 4
        for k in range(0, whole_quads, 4):
            counts[0, a[k]] += 1
            counts[1, a[k + 1]] += 1
            counts[2, a[k + 2]] += 1
            counts[3, a[k + 3]] += 1
        for k in range(whole_quads, len(a)):
            counts[0, a[k]] += 1
        look_up(a, b, _even(counts))


@njit(nogil=True, error_model="numpy")
def _even(counts: NDArray[np.int32]) -> Pixels:
    """The table of `equalize` from counts [4, 256]."""
    total, brightest = np.zeros(256, np.int64), 0
    for value in range(256):
        total[value] = counts[0, value] + counts[1, value] + counts[2, value] + counts[3, value]
        if total[value]:
            brightest = value
    table = np.empty(256, np.uint8)
    step = (total.sum() - total[brightest]) // 255
    below = np.int64(0)
    for value in range(256):
        table[value] = min((below + step // 2) // step, 255) if step else value
        below += total[value]
    return table


@njit(nogil=True, error_model="numpy")
def color(source: Pixels, target: Pixels, magnitude: np.float32) -> None:
    """Blend with the grey image; unchanged unless RGB."""
    if source.shape[0] != 3:
        copy(source, target)
        return
    r, g, b = source[0].ravel(), source[1].ravel(), source[2].ravel()
    red, green, blue = target[0].ravel(), target[1].ravel(), target[2].ravel()
    factor = _ONE + magnitude
    rest = _ONE - factor
    for k in range(len(r)):
        gray = luma(r[k], g[k], b[k]) * rest
        red[k] = whole(np.float32(r[k]) * factor + gray)
        green[k] = whole(np.float32(g[k]) * factor + gray)
        blue[k] = whole(np.float32(b[k]) * factor + gray)


@njit(nogil=True, error_model="numpy")
def grayscale(source: Pixels, target: Pixels) -> None:
    """The luma in every channel; unchanged unless RGB."""
    if source.shape[0] != 3:
        copy(source, target)
        return
    r, g, b = source[0].ravel(), source[1].ravel(), source[2].ravel()
    red, green, blue = target[0].ravel(), target[1].ravel(), target[2].ravel()
    for k in range(len(r)):
        gray = np.uint8(luma(r[k], g[k], b[k]))
        red[k], green[k], blue[k] = gray, gray, gray
