"""The details of thumbnails, and how well those of two images agree at some shift and crop."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from policysearch.core.cores import usable_cores

Floats = NDArray[np.float32]
Pairs = NDArray[np.int64]
_Number = TypeVar("_Number", bound=np.generic)

SIDE = 32
"""Pixels of a thumbnail's side."""
_SHIFT = 4  # pixels
_CROPS = (0.95, 0.9)
_AT_ONCE = 512  # images or pairs

_SHIFTS = np.arange(-_SHIFT, _SHIFT + 1)
_WINDOW = SIDE - 2 * _SHIFT
_IN_WINDOW = np.stack([np.eye(SIDE, dtype=np.float32)[start : start + _WINDOW].sum(0) for start in _SHIFTS + _SHIFT])
"""[9, 32]: which places of a side the window covers at each shift."""


def chunks(rows: NDArray[_Number]) -> Iterator[NDArray[_Number]]:
    """The rows, a few hundred at a time, so that what is computed from them stays small."""
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


def detail_correlation(thumbnails: Floats, pairs: Pairs) -> Floats:
    """Correlation [P] of the details of the pairs, the highest over shifts and over crops of either image."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        parts = pool.map(lambda chunk: _highest_of_crops(*thumbnails[chunk].swapaxes(0, 1)), chunks(pairs))
        return np.concatenate([np.zeros(0, np.float32), *parts])


def _highest_of_crops(one: Floats, other: Floats) -> Floats:
    """The same of thumbnails [P, 32, 32]."""
    places = _Places.of(details(one)), _Places.of(details(other))
    best = places[1].highest_correlation(details(one))
    for share in _CROPS:
        best = np.maximum(best, places[1].highest_correlation(details(_cropped(one, share))))
        best = np.maximum(best, places[0].highest_correlation(details(_cropped(other, share))))
    return best


def details(thumbnails: Floats) -> Floats:
    """The thumbnails over 3×3 pixels, so that half a pixel's shift matters little, less their means over 7×7."""
    places = np.arange(SIDE)
    apart = np.abs(places[:, None] - places)
    near, far = (weights / weights.sum(1, keepdims=True) for weights in ((2 - apart).clip(0), apart <= 3))
    smooth = near.astype(np.float32) @ thumbnails @ near.T.astype(np.float32)
    apart_from_means: Floats = smooth - far.astype(np.float32) @ smooth @ far.T.astype(np.float32)
    return apart_from_means


def _cropped(thumbnails: Floats, share: float) -> Floats:
    """The middle of the thumbnails, this share of the side, in their size again, bilinear."""
    at = (np.arange(SIDE) + 0.5 - SIDE / 2) * share + SIDE / 2 - 0.5
    weights = (1 - np.abs(at[:, None] - np.arange(SIDE))).clip(0).astype(np.float32)
    cropped: Floats = weights @ thumbnails @ weights.T
    return cropped


@dataclass(frozen=True)
class _Places:
    """Details [P, 32, 32] in which the middle of others is looked for.

    Attributes:
        spectrum: their Fourier transform.
        lengths: [P, 9, 9], their deviation from the mean in the window at each shift, as a length.
    """

    spectrum: NDArray[np.complexfloating]
    lengths: Floats

    @classmethod
    def of(cls, details: Floats) -> _Places:
        sums, squares = (_IN_WINDOW @ values @ _IN_WINDOW.T for values in (details, details**2))
        return cls(np.fft.rfft2(details), np.sqrt((squares - sums**2 / _WINDOW**2).clip(0)))

    def highest_correlation(self, others: Floats) -> Floats:
        """Correlation [P] of the middle of other details with the best place, also between whole pixels."""
        inner = slice(_SHIFT, SIDE - _SHIFT)
        middle = np.zeros_like(others)
        middle[:, inner, inner] = others[:, inner, inner]
        middle[:, inner, inner] -= middle[:, inner, inner].mean((1, 2), keepdims=True)

        products = np.fft.irfft2(np.conj(np.fft.rfft2(middle)) * self.spectrum, (SIDE, SIDE))
        products = products[:, _SHIFTS[:, None], _SHIFTS]
        lengths = np.sqrt((middle**2).sum((1, 2)))[:, None, None] * self.lengths
        return _peaks(products / np.maximum(lengths, 1e-6))


def _peaks(correlations: NDArray[np.floating]) -> Floats:
    """The highest of each [P, 9, 9]; within the edges, the top of parabolas through it and its neighbours."""
    last = correlations.shape[1] - 1
    rows = np.arange(len(correlations))
    y, x = np.divmod(correlations.reshape(len(rows), -1).argmax(1), last + 1)
    highest = correlations[rows, y, x]
    above = np.zeros(len(rows))
    for dy, dx in ((1, 0), (0, 1)):
        before = correlations[rows, (y - dy).clip(0), (x - dx).clip(0)]
        after = correlations[rows, (y + dy).clip(max=last), (x + dx).clip(max=last)]
        curvature = 2 * highest - before - after
        above += (after - before) ** 2 / (8 * np.maximum(curvature, 1e-6))
    inside = (np.minimum(y, x) > 0) & (np.maximum(y, x) < last)
    peaks: Floats = np.where(inside, highest + above, highest).astype(np.float32)
    return peaks
