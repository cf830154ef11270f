"""Strata: groups of images that a split takes in proportion, so that its sides have like targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policysearch.datasets.targets.kinds import Targets

ONE_STRATUM = ("image",)
_FEWEST = 20
"""Training images of a stratum at least, so that each side of a split gets some."""
_BINS = 10

Strata = tuple[NDArray[np.int64], tuple[str, ...]]
"""The stratum of each image [N], and the names of the strata."""


def one_stratum(count: int) -> Strata:
    """All images in one: splits are plain random ones."""
    return np.zeros(count, np.int64), ONE_STRATUM


def strata_of(needs: str, targets: Targets, names: tuple[str, ...], train: NDArray[np.int64]) -> Strata:
    """The strata of images with targets.

    Of sets of labels the rarest label of an image is its stratum, so that rare labels are on both sides of a split, as
    in the stratification by rarest labels first of Sechidis et al. 2011. Of numbers it is the tenth of the training
    images that the first number is in.

    Args:
        needs: which targets they are.
        targets: [N, K].
        names: of the K targets.
        train: rows of the training part, which alone say how rare a label is.
    """
    if needs == "label-sets":
        return _large_enough(*_rarest_labels(targets > 0, names, train), train)
    return _large_enough(*_tenths(targets[:, 0], train), train)


def _rarest_labels(sets: NDArray[np.bool_], names: tuple[str, ...], train: NDArray[np.int64]) -> Strata:
    order = np.argsort(sets[train].sum(0), kind="stable")
    by_rarity = sets[:, order]
    none = len(names)
    return np.where(by_rarity.any(1), order[by_rarity.argmax(1)], none).astype(np.int64), (*names, "without labels")


def _tenths(numbers: Targets, train: NDArray[np.int64]) -> Strata:
    edges = np.unique(np.quantile(numbers[train], np.arange(1, _BINS) / _BINS))
    return np.searchsorted(edges, numbers, side="right").astype(np.int64), tuple(map(str, range(len(edges) + 1)))


def _large_enough(strata: NDArray[np.int64], names: tuple[str, ...], train: NDArray[np.int64]) -> Strata:
    """Strata of few training images are put together; where even that is few, with the largest."""
    counts = np.bincount(strata[train], minlength=len(names))
    large = np.flatnonzero(counts >= _FEWEST)
    if not len(large):
        return one_stratum(len(strata))
    place = np.full(len(names), len(large), np.int64)
    place[large] = np.arange(len(large))
    if counts.sum() - counts[large].sum() < _FEWEST:
        place[place == len(large)] = counts[large].argmax()
        return place[strata], tuple(names[i] for i in large)
    return place[strata], (*(names[i] for i in large), "others")
