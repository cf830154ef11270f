"""Stratified folds: every image in one of them, each class in all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.seeds import fold_generator
from policysearch.datasets.dataset import Dataset


def folds_of_rows(dataset: Dataset, rows: NDArray[np.int64], count: int, seed: int) -> tuple[NDArray[np.int64], ...]:
    """Folds of some rows of a data set's training part, as places among these rows; the arguments are as for `folds`.

    Raises:
        UserError: a class has fewer images, or groups, than there are folds.
    """
    groups = None if dataset.groups is None else dataset.groups[rows]
    return folds(dataset.y_train[rows], groups, count, fold_generator(seed), dataset.classes)


def folds(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    count: int,
    rng: np.random.Generator,
    classes: tuple[str, ...],
) -> tuple[NDArray[np.int64], ...]:
    """Disjoint folds that cover all images, each with its proportion of each class.

    Without groups the folds' counts of a class differ by one at most, and so do their sizes. Groups are never torn:
    the largest first, each goes to the fold that it leaves most even.

    Args:
        labels: [N] int64.
        groups: [N] int64, or None where every image is a group of its own.
        count: of folds, 2 or more.
        rng: draws which image comes into which fold.
        classes: a name for each class, for the message.

    Returns:
        `count` arrays of indices [M] int64 into the labels, sorted.

    Raises:
        UserError: a class has fewer images, or groups, than there are folds.

    Example:
        >>> rows = folds(np.array([0, 0, 0, 1, 1, 1]), None, 3, np.random.default_rng(0), ("left", "right"))
        >>> [len(fold) for fold in rows], sorted(np.concatenate(rows).tolist())
        ([2, 2, 2], [0, 1, 2, 3, 4, 5])
    """
    _must_fit(np.bincount(labels, minlength=len(classes)), count, classes, "training images")
    places = _dealt(labels, count, rng) if groups is None else _whole_groups(labels, groups, count, rng, classes)
    return tuple(np.flatnonzero(places == fold) for fold in range(count))


def _must_fit(counts: NDArray[np.int64], count: int, classes: tuple[str, ...], what: str) -> None:
    smallest = int(counts.argmin())
    if counts[smallest] < count:
        raise UserError(
            f"class {classes[smallest]!r} has {counts[smallest]} {what}, too few for {count} folds: each fold needs "
            f"one, so give {max(2, counts[smallest])} folds or fewer, or more images"
        )


def _dealt(labels: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """[N] the fold of each image: dealt class by class like cards, so that no fold gets two more than another."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    places = np.empty(len(labels), np.int64)
    places[order] = np.arange(len(labels)) % count
    return places


def _whole_groups(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    count: int,
    rng: np.random.Generator,
    classes: tuple[str, ...],
) -> NDArray[np.int64]:
    """[N] the fold of each image, that of its group."""
    numbers, index = np.unique(groups, return_inverse=True)
    content = np.zeros((len(numbers), len(classes)), np.int64)
    np.add.at(content, (index, labels), 1)
    _must_fit((content > 0).sum(0), count, classes, "groups of training images")

    place = np.empty(len(numbers), np.int64)
    totals = np.zeros((count, len(classes)))
    shares = content / np.maximum(content.sum(0), 1)  # a class counts alike, however large it is
    order = rng.permutation(len(numbers))
    for g in order[np.argsort(-content[order].sum(1), kind="stable")]:
        uneven = [(totals + shares[g] * (np.arange(count) == fold)[:, None]).var(0).sum() for fold in range(count)]
        place[g] = int(np.argmin(uneven))
        totals[place[g]] += shares[g]

    if not (totals > 0).all():
        k = int(np.flatnonzero(~(totals > 0).all(0))[0])
        raise UserError(f"class {classes[k]!r} cannot be in all of {count} folds that keep its groups whole")
    return place[index]
