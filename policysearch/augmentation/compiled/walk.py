"""The one compiled function that Python calls: images through their steps, one image after the other."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from policysearch.augmentation.compiled import codes as op
from policysearch.augmentation.compiled import geometry, pointwise
from policysearch.augmentation.compiled.pointwise import Pixels

_SIGNATURE = "void(uint8[:,:,:,::1], uint8[:,:,:,::1], int64[:,::1], float32[:,::1], float32[:,:,::1], int64, int64)"
_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)


@njit(nogil=True, error_model="numpy")
def _passes(codes: NDArray[np.int64]) -> int:
    """How many times an image is written: moves one after the other are one pass."""
    number, moving = 0, False
    for code in codes:
        if code == 0:
            continue
        is_move = code <= op.LAST_MOVE
        if not (is_move and moving):
            number += 1
        moving = is_move
    return number


@njit(nogil=True, error_model="numpy")
def _move_entries(entries: NDArray[np.float32], code: int, magnitude: np.float32, height: int, width: int) -> None:
    """Fill in scale and offset of y, then of x, if the operation is one that the loops know."""
    if code == op.MOVE:
        return
    entries[0], entries[1], entries[2], entries[3] = _ONE, _ZERO, _ONE, _ZERO
    if code == op.TRANSLATE_X:
        entries[3] = -np.trunc(magnitude * np.float32(width))
    elif code == op.TRANSLATE_Y:
        entries[1] = -np.trunc(magnitude * np.float32(height))
    elif code == op.TRANSLATE_X_PIXELS:
        entries[3] = -np.trunc(magnitude)
    elif code == op.TRANSLATE_Y_PIXELS:
        entries[1] = -np.trunc(magnitude)
    elif code == op.FLIP_HORIZONTAL:
        entries[2], entries[3] = -_ONE, np.float32(width - 1)
    else:
        entries[0], entries[1] = -_ONE, np.float32(height - 1)


@njit(nogil=True, error_model="numpy")
def _matrix_entries(entries: NDArray[np.float32], code: int, magnitude: np.float32) -> None:
    """Fill in the matrix of a shear; another operation's is there already."""
    if code == op.MATRIX:
        return
    for k in range(9):
        entries[k] = _ONE if k % 4 == 0 else _ZERO
    if code == op.SHEAR_X:
        entries[1], entries[2] = magnitude, magnitude / _TWO
    else:
        entries[3], entries[5] = magnitude, magnitude / _TWO


@njit(nogil=True, error_model="numpy")
def _change_values(source: Pixels, target: Pixels, code: int, magnitude: np.float32) -> None:
    if code == op.BRIGHTNESS:
        pointwise.brightness(source, target, magnitude)
    elif code == op.CONTRAST:
        pointwise.contrast(source, target, magnitude)
    elif code == op.POSTERIZE:
        pointwise.posterize(source, target, magnitude)
    elif code == op.SOLARIZE:
        pointwise.solarize(source, target, magnitude)
    elif code == op.SOLARIZE_ADD:
        pointwise.solarize_add(source, target, magnitude)
    elif code == op.INVERT:
        pointwise.invert(source, target)
    elif code == op.AUTOCONTRAST:
        pointwise.autocontrast(source, target)
    elif code == op.EQUALIZE:
        pointwise.equalize(source, target)
    elif code == op.COLOR:
        pointwise.color(source, target, magnitude)
    else:
        pointwise.grayscale(source, target)


@njit([_SIGNATURE], nogil=True, error_model="numpy", cache=True)
def walk(
    images: Pixels,
    out: Pixels,
    codes: NDArray[np.int64],
    magnitudes: NDArray[np.float32],
    numbers: NDArray[np.float32],
    start: int,
    stop: int,
) -> None:
    """Write images `start` to `stop` of [B, C, H, W] to `out`, each after its S steps.

    Args:
        images, out: uint8, not the same memory.
        codes: [B, S], see `codes`.
        magnitudes: [B, S].
        numbers: [B, S, 9]: the entries of a matrix row by row, or those of a move.
        start, stop: the rows.
    """
    _, channels, height, width = images.shape
    scratch = np.empty((2, channels, height, width), np.uint8)
    places, columns = np.empty(width, np.uint32), np.zeros(width + 2, np.float32)
    window, entries = np.empty((2, 4), np.int64), np.empty(9, np.float32)
    for row in range(start, stop):
        source, passes = images[row], _passes(codes[row])
        number, moving = 0, False
        for step in range(codes.shape[1]):
            code, magnitude = codes[row, step], magnitudes[row, step]
            if code == 0:
                continue
            if code <= op.LAST_MATRIX:
                entries[:] = numbers[row, step]
            if code <= op.LAST_MOVE:
                if not moving:
                    geometry.open_window(window, height, width)
                _move_entries(entries, code, magnitude, height, width)
                geometry.join_move(window, entries, height, width)
                moving = True
                continue
            if moving:
                target = scratch[number % 2]
                geometry.slide(source, target, window)
                source, number, moving = target, number + 1, False
            target = out[row] if number == passes - 1 else scratch[number % 2]
            if code <= op.LAST_MATRIX:
                _matrix_entries(entries, code, magnitude)
                geometry.warp(source, target, entries, places)
            elif code == op.SHARPNESS:
                geometry.sharpness(source, target, magnitude, columns)
            else:
                _change_values(source, target, code, magnitude)
            source, number = target, number + 1
        if moving:
            geometry.slide(source, out[row], window)
        elif not number:
            pointwise.copy(source, out[row])
