"""Loops of operations that move pixels or look at their neighbours."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from policysearch.augmentation.compiled.pointwise import Pixels, copy, whole

_ONE, _FOUR = np.float32(1), np.float32(4)
_NEXT = np.uint64(1)
_THIRTEENTH = np.float32(1 / 13)  # of a sum, a whole number below 2^12: it rounds as a division does, far from halves
_NEAR_HALF = np.float32(0.02)
"""A shift whose fraction is this close to a half may round either way along a row."""
_NOWHERE = np.uint32(0xFFFFFFFF)


@njit(nogil=True, error_model="numpy")
def open_window(window: NDArray[np.int64], height: int, width: int) -> None:
    """Fill in a window [2, 4] through which an image looks as it is: see `kernels.pixel_moves.Window`."""
    window[:, 0], window[:, 1:3] = 1, 0
    window[0, 3], window[1, 3] = height - 1, width - 1


@njit(nogil=True, error_model="numpy")
def join_move(window: NDArray[np.int64], moves: NDArray[np.float32], height: int, width: int) -> None:
    """Add a move, (scale, offset) of y then of x, to a window."""
    for axis in range(2):
        scale, offset, first, last = window[axis]
        s, t = np.int64(moves[2 * axis]), np.int64(moves[2 * axis + 1])
        low, high = ((first - t) * s, (last - t) * s) if s > 0 else ((last - t) * s, (first - t) * s)
        window[axis, 0], window[axis, 1] = scale * s, scale * t + offset
        window[axis, 2], window[axis, 3] = max(low, 0), min(high, (width if axis else height) - 1)


@njit(nogil=True, error_model="numpy")
def _fill(target: Pixels, start: int, stop: int) -> None:
    """Blacken flattened pixels. (Whole numbers without a sign spare the loop a look for indices below 0.)"""
    first = np.uint64(start)
    for k in range(np.uint64(max(0, stop - start))):
        target[first + k] = 0


@njit(nogil=True, error_model="numpy")
def _copy_run(source: Pixels, start: int, target: Pixels, at: int, length: int) -> None:
    """Copy `length` flattened pixels from `start` to `at`."""
    first, place = np.uint64(start), np.uint64(at)
    for k in range(np.uint64(length)):
        target[place + k] = source[first + k]


@njit(nogil=True, error_model="numpy")
def _copy_back(source: Pixels, last: int, target: Pixels, at: int, length: int) -> None:
    """Copy `length` flattened pixels that end at `last`, in reverse order, to `at`."""
    end, place = np.uint64(last), np.uint64(at)
    for k in range(np.uint64(length)):
        target[place + k] = source[end - k]


@njit(nogil=True, error_model="numpy")
def slide(source: Pixels, target: Pixels, window: NDArray[np.int64]) -> None:
    """The source through a window, black elsewhere."""
    channels, height, width = source.shape
    scale, offset, top, bottom = window[0]
    step, shift, left, right = window[1]
    pixels, out = source.ravel(), target.ravel()
    length = right - left + 1
    if bottom < top or length < 1:
        _fill(out, 0, len(out))
        return
    for c in range(channels):
        plane = c * height * width
        _fill(out, plane, plane + top * width)
        _fill(out, plane + (bottom + 1) * width, plane + height * width)
        for y in range(top, bottom + 1):
            row, line = plane + y * width, plane + (scale * y + offset) * width
            _fill(out, row, row + left)
            _fill(out, row + right + 1, row + width)
            if step > 0:
                _copy_run(pixels, line + left + shift, out, row + left, length)
            else:
                _copy_back(pixels, line + shift - left, out, row + left, length)


@njit(nogil=True, error_model="numpy")
def _take(pixels: Pixels, plane: int, places: NDArray[np.uint32], out: Pixels, row: int, first: int, last: int) -> None:
    """Write columns `first` to `last` of a flattened row: pixels from places of a flattened plane."""
    origin, start = np.uint64(plane), np.uint64(row)
    for x in range(np.uint64(first), np.uint64(last)):
        out[start + x] = pixels[origin + places[x]]


@njit(nogil=True, error_model="numpy")
def _take_inside(
    pixels: Pixels, plane: int, places: NDArray[np.uint32], out: Pixels, row: int, first: int, last: int
) -> None:
    """The same where some of the places are outside, which is black."""
    origin, start = np.uint64(plane), np.uint64(row)
    for x in range(np.uint64(first), np.uint64(last)):
        out[start + x] = pixels[origin + places[x]] if places[x] != _NOWHERE else 0


@njit(nogil=True, error_model="numpy")
def warp(source: Pixels, target: Pixels, matrix: NDArray[np.float32], places: NDArray[np.uint32]) -> None:
    """The source seen through a matrix [9], nearest neighbour, black outside; `places` [W] is overwritten."""
    channels, height, width = source.shape
    a, b, c, d, e, f, g, h, i = matrix
    straight, size = g == 0 and h == 0, height * width
    pixels, out = source.ravel(), target.ravel()
    for y in range(height):
        at_x, at_y, depth = b * np.float32(y) + c, e * np.float32(y) + f, h * np.float32(y) + i
        if straight and a == _ONE and d == 0 and _shifted_row(source, target, y, at_x, at_y):
            continue
        if straight:
            _affine_places(places, a, d, at_x, at_y, height, width)
        else:
            _projective_places(places, matrix, at_x, at_y, depth, height, width)
        first, last = 0, width
        while first < last and places[first] == _NOWHERE:
            first += 1
        while first < last and places[last - 1] == _NOWHERE:
            last -= 1
        for channel in range(channels):
            plane = channel * size
            row = plane + y * width
            _fill(out, row, row + first)
            _fill(out, row + last, row + width)
            if straight:  # what a straight line sees of a rectangle is in one piece
                _take(pixels, plane, places, out, row, first, last)
            else:
                _take_inside(pixels, plane, places, out, row, first, last)


@njit(nogil=True, error_model="numpy")
def _shifted_row(source: Pixels, target: Pixels, y: int, shift: np.float32, at_y: np.float32) -> bool:
    """Fill row y with one source row moved by whole pixels, if it is that for certain."""
    channels, height, width = source.shape
    if not abs(shift) <= width + 1:
        target[:, y] = 0
        return bool(abs(shift) > width + 1)
    if abs(abs(shift - np.floor(shift)) - np.float32(0.5)) < _NEAR_HALF:
        return False
    row, by = np.rint(at_y), np.int64(np.rint(shift))
    if not 0 <= row < height:
        target[:, y] = 0
        return True
    first, last = min(max(-by, 0), width), max(min(width - by, width), 0)
    pixels, out = source.ravel(), target.ravel()
    for channel in range(channels):
        start, line = (channel * height + y) * width, (channel * height + np.int64(row)) * width
        _fill(out, start, start + first)
        _fill(out, start + last, start + width)
        if first < last:
            _copy_run(pixels, line + first + by, out, start + first, last - first)
    return True


@njit(nogil=True, error_model="numpy")
def _affine_places(
    places: NDArray[np.uint32],
    a: np.float32,
    d: np.float32,
    at_x: np.float32,
    at_y: np.float32,
    height: int,
    width: int,
) -> None:
    """The place in a flattened plane that each pixel of a row comes from."""
    right, bottom, side = np.float32(width), np.float32(height), np.float32(width)
    for k in range(len(places)):
        column = np.float32(k)
        x, y = np.rint(a * column + at_x), np.rint(d * column + at_y)
        inside = (x >= 0) & (x < right) & (y >= 0) & (y < bottom)
        place = y * side + x if inside else np.float32(0)
        places[k] = np.uint32(np.int32(place)) if inside else _NOWHERE


@njit(nogil=True, error_model="numpy")
def _projective_places(
    places: NDArray[np.uint32],
    matrix: NDArray[np.float32],
    at_x: np.float32,
    at_y: np.float32,
    at_depth: np.float32,
    height: int,
    width: int,
) -> None:
    """The same for a matrix that is a perspective."""
    right, bottom, side = np.float32(width), np.float32(height), np.float32(width)
    a, d, g = matrix[0], matrix[3], matrix[6]
    for k in range(len(places)):
        column = np.float32(k)
        depth = g * column + at_depth
        x, y = np.rint((a * column + at_x) / depth), np.rint((d * column + at_y) / depth)
        inside = (x >= 0) & (x < right) & (y >= 0) & (y < bottom)
        place = y * side + x if inside else np.float32(0)
        places[k] = np.uint32(np.int32(place)) if inside else _NOWHERE


@njit(nogil=True, error_model="numpy")
def sharpness(source: Pixels, target: Pixels, magnitude: np.float32, columns: NDArray[np.float32]) -> None:
    """Blend with a 3×3 smoothing, border pixels kept; `columns` [W + 2] is overwritten."""
    channels, height, width = source.shape
    if min(height, width) <= 2:
        copy(source, target)
        return
    back, pixels, out = -magnitude, source.ravel(), target.ravel()
    line, size = np.uint64(width), height * width
    for c in range(channels):
        plane = c * size
        _copy_run(pixels, plane, out, plane, width)
        _copy_run(pixels, plane + size - width, out, plane + size - width, width)
        for y in range(1, height - 1):
            first = np.uint64(plane + y * width)
            for x in range(line):
                at = first + x
                above, below = np.float32(pixels[at - line]), np.float32(pixels[at + line])
                columns[x + _NEXT] = above + np.float32(pixels[at]) + below

            # Over the border too, since whole vectors fit a row of 224 and not one of 222.
            for x in range(line):
                inner = np.float32(pixels[first + x])
                around = columns[x] + columns[x + _NEXT] + columns[x + _NEXT + _NEXT]
                smooth = np.rint((around + inner * _FOUR) * _THIRTEENTH)
                out[first + x] = whole(inner + (smooth - inner) * back)
            last = first + line - _NEXT
            out[first], out[last] = pixels[first], pixels[last]
