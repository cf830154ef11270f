"""Near-copies: images that differ by saving again, a small crop or shift, brightness, or the time between two frames.

Three steps, each on the pairs that the step before leaves:

1. A perceptual hash of 64 bits: on which side of random planes an image's spectrum lies (SimHash, Charikar 2002). The
   magnitudes of a spectrum stay the same when the image is shifted. Images that share some of the bits are candidates.
2. The candidates whose spectra correlate best, a few per image, if their layouts correlate too.
3. Pairs of the same layout, or of the same details (the image less its local mean) at some shift of up to an eighth of
   the side, or at a crop down to 90 %.

Spectra and layouts are compared as they differ from the means over all images: what all images have in common, such as
the background of a fixed camera, makes no copies. Mirrored and turned copies are not found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policysearch.datasets.image_details import SIDE, Floats, Pairs, chunks, detail_correlation, details

_COARSE, _FINE = 8, 16  # places along a layout's side
_FREQUENCIES = 5  # highest frequency of the hash, in periods per image
_FLOOR = 200.0  # added to magnitudes: what noise of 16 grey values has at any frequency says nothing
_TABLES, _NEIGHBOURS = 16, 32  # draws of hash bits; images looked at after each one in the order of a draw
_BITS, _MOST_FLIPS = 64, 20  # of the hash; between two candidates
_PER_IMAGE = 3  # candidates that are compared in detail
_LEAST_SPECTRUM, _LEAST_COARSE = 0.6, 0.5
_SAME_LAYOUT, _SAME_DETAIL = 0.99, 0.98
"""Correlations that make near-copies. Of Fashion-MNIST, whose images are much alike, 1.7 % reach one with another."""
_LEAST_CONTRAST = 2.0  # grey values, below which only exact copies count
_LEAST_RATIO = 0.6  # of two contrasts


def near_pairs(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Pairs:
    """Pairs (i, j), i < j, of images that are nearly the same, [P, 2] int64, sorted.

    Each image is compared with the few that are most like it: of many near-copies of one image not all pairs are
    found, but each image has a partner.

    Args:
        pixels: [N, C, H, W] uint8.
        rows: int64 indices, increasing, of the images to compare, no image equal to another.
    """
    if len(rows) < 2:
        return np.zeros((0, 2), np.int64)
    thumbnails = _thumbnails(pixels, rows)
    spectra = _standardised(_spectra(thumbnails))
    pairs = _candidates(spectra)
    pairs = _best(pairs, _correlation(spectra, pairs), _LEAST_SPECTRUM)
    pairs = pairs[_correlation(_standardised(_layouts(thumbnails, _COARSE)), pairs) >= _LEAST_COARSE]

    layouts = _layouts(thumbnails, _FINE)
    alike = _of_like_contrast(layouts.std(1), pairs)
    alike &= _correlation(_standardised(layouts), pairs) >= _SAME_LAYOUT
    rest = pairs[~alike]
    contrasts = np.concatenate([details(chunk).std((1, 2)) for chunk in chunks(thumbnails)])
    rest = rest[_of_like_contrast(contrasts, rest)]
    rest = rest[detail_correlation(thumbnails, rest) >= _SAME_DETAIL]
    accepted: Pairs = rows[np.unique(np.concatenate([pairs[alike], rest]), axis=0)]
    return accepted


def _of_like_contrast(contrasts: Floats, pairs: Pairs) -> NDArray[np.bool_]:
    low, high = contrasts[pairs].min(1), contrasts[pairs].max(1)
    alike: NDArray[np.bool_] = (low >= _LEAST_CONTRAST) & (low >= _LEAST_RATIO * high)
    return alike


def _thumbnails(pixels: NDArray[np.uint8], rows: NDArray[np.int64]) -> Floats:
    """[N, 32, 32] float32, grey values: means over the area of each thumbnail's pixel."""
    down, across = (_area_means(side, SIDE) for side in pixels.shape[2:])
    small = [down @ pixels[chunk].mean(1, dtype=np.float32) @ across.T for chunk in chunks(rows)]
    return np.concatenate(small)


def _area_means(length: int, parts: int) -> Floats:
    """[parts, length] float32: the share of each pixel in the mean over each of as many equal parts."""
    edges = np.linspace(0, length, parts + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    shares: Floats = (overlap.clip(0) * parts / length).astype(np.float32)
    return shares


def _spectra(thumbnails: Floats) -> Floats:
    """[N, 60] float32: logarithms of the low frequencies' magnitudes."""
    window = np.hanning(SIDE + 2)[1:-1].astype(np.float32)
    u, v = np.meshgrid(np.arange(_FREQUENCIES + 1), np.arange(-_FREQUENCIES, _FREQUENCIES + 1), indexing="ij")
    half = (u > 0) | (v > 0)  # the others are these once more
    spectra = []
    for chunk in chunks(thumbnails):
        centred = (chunk - chunk.mean((1, 2), keepdims=True)) * window[:, None] * window
        spectra.append(np.log(np.abs(np.fft.fft2(centred))[:, u[half], v[half]] + _FLOOR).astype(np.float32))
    return _without_means(np.concatenate(spectra))


def _without_means(features: Floats) -> Floats:
    apart: Floats = features - features.mean(1, keepdims=True)
    return apart


def _layouts(thumbnails: Floats, places: int) -> Floats:
    """[N, places²] float32: grey values in so many places along a side, without the image's brightness."""
    part = SIDE // places
    means = thumbnails.reshape(-1, places, part, places, part).mean((2, 4)).reshape(len(thumbnails), -1)
    return _without_means(means)


def _standardised(features: Floats) -> Floats:
    """What sets each row apart from all others: less the mean over them, of length 1."""
    apart = features - features.mean(0)
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    standardised: Floats = apart / np.maximum(lengths, 1e-6)
    return standardised


def _correlation(standardised: Floats, pairs: Pairs) -> Floats:
    parts = [np.einsum("pf,pf->p", *(standardised[chunk[:, k]] for k in (0, 1))) for chunk in chunks(pairs)]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _candidates(spectra: Floats) -> Pairs:
    """Pairs whose hashes agree in one of the draws of bits, and differ in few bits altogether."""
    rng = np.random.default_rng(0)
    bits = spectra @ rng.normal(size=(spectra.shape[1], _BITS)).astype(np.float32) > 0
    weights = np.uint64(1) << np.arange(_BITS, dtype=np.uint64)
    hashes = (bits * weights).sum(1, dtype=np.uint64)
    drawn = max(8, int(np.log2(len(bits))) - 5)  # bits; more images need longer keys, so that few share one
    pairs = []
    for _ in range(_TABLES):
        keys = hashes & weights[rng.permutation(_BITS)[:drawn]].sum(dtype=np.uint64)
        order = rng.permutation(len(keys))
        order = order[np.argsort(keys[order], kind="stable")]
        for step in range(1, min(_NEIGHBOURS + 1, len(order))):
            one, other = order[:-step], order[step:]
            same = keys[one] == keys[other]
            one, other = one[same], other[same]
            close = _flips(hashes[one], hashes[other]) <= _MOST_FLIPS
            pairs.append(np.sort(np.stack([one[close], other[close]], 1), 1))
    return np.unique(np.concatenate(pairs), axis=0)


_COUNTS = np.array([number.bit_count() for number in range(2**16)], np.uint8)


def _flips(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Bits in which hashes [P] differ."""
    words = np.ascontiguousarray(one ^ other).view(np.uint16).reshape(-1, 4)
    flips: NDArray[np.int64] = _COUNTS[words].sum(1, dtype=np.int64)
    return flips


def _best(pairs: Pairs, scores: Floats, least: float) -> Pairs:
    """The pairs that are among the few best of one of their two images."""
    pairs, scores = pairs[scores >= least], scores[scores >= least]
    chosen = np.zeros(len(pairs), bool)
    for side in (0, 1):
        order = np.lexsort((-scores, pairs[:, side]))
        image = pairs[order, side]
        starts = np.flatnonzero(np.diff(image, prepend=-1))
        rank = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
        chosen[order[rank < _PER_IMAGE]] = True
    return pairs[chosen]
