"""The fixed split of the training part, and subsets of it, class by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.datasets.dataset import Dataset


@dataclass(frozen=True)
class Split:
    """Indices into a data set's training part: [N_train] and [N_validation] int64, disjoint, sorted."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def split(dataset: Dataset, validation: int | None, seed: int) -> Split:
    """The validation part that the data have, or one cut from the training part, class by class, by seed.

    Args:
        dataset: what to split.
        validation: number of validation images; None is all that the data have, or a third of the training part,
            at most 5,000. Of grouped data whole groups are taken, so that the number is nearly met.
        seed: the same seed gives the same split.

    Raises:
        UserError: the part is too large, or a class is too small to have an image on both sides.

    Example:
        >>> images, labels = np.zeros((6, 1, 8, 8), np.uint8), np.arange(6) % 2
        >>> dots = Dataset("dots", images, labels, images, labels, classes=("left", "right"))
        >>> split(dots, 2, seed=0).validation
        array([2, 3])
    """
    everything = np.arange(len(dataset.y_train))
    if dataset.is_absent:
        return Split(everything, everything)
    if dataset.validation is not None:
        rest = np.setdiff1d(everything, dataset.validation)
        _each_class_has(dataset, rest, 1, "training images")
        if validation is None:
            return Split(rest, dataset.validation)
        labels = dataset.y_train[dataset.validation]
        _must_fit(validation, len(np.unique(labels)), len(labels), len(labels), "own validation images")
        return Split(rest, dataset.validation[stratified(labels, validation, np.random.default_rng([seed, 0]))])
    size = min(len(everything) // 3, 5000) if validation is None else validation
    count = len(dataset.classes)
    _each_class_has(dataset, everything, 2, "training images; at least 2 are needed for a validation part")
    _must_fit(size, count, len(everything) - count, len(everything), "training images")
    chosen = cut(dataset.y_train, dataset.groups, size, np.random.default_rng([seed, 0]), dataset.classes)
    return Split(np.setdiff1d(everything, chosen), chosen)


def _each_class_has(dataset: Dataset, rows: NDArray[np.int64], least: int, what: str) -> None:
    counts = np.bincount(dataset.y_train[rows], minlength=len(dataset.classes))
    if counts.min() < least:
        k = int(counts.argmin())
        raise UserError(f"class {dataset.classes[k]!r} has {counts[k]} {what}")


def _must_fit(size: int, low: int, high: int, total: int, what: str) -> None:
    if not low <= size <= high:
        raise UserError(f"validation of {size} images does not fit: {total} {what} allow {low} to {high}")


def cut(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64] | None,
    size: int,
    rng: np.random.Generator,
    classes: tuple[str, ...],
) -> NDArray[np.int64]:
    """About `size` indices to set aside, sorted: each class in proportion, no group torn, some of each class left.

    Args:
        labels: [N] int64.
        groups: [N] int64, or None where every image is a group of its own.
        size: how many indices; met exactly without groups.
        rng: draws which.
        classes: a name for each class, for the message.

    Returns:
        Indices [M] int64 into the labels; M is `size` without groups.

    Raises:
        UserError: a class has one group only, and cannot be on both sides.
    """
    if groups is None:
        return stratified(labels, size, rng, leave=1)

    numbers, index = np.unique(groups, return_inverse=True)
    content = np.zeros((len(numbers), len(classes)), np.int64)
    np.add.at(content, (index, labels), 1)

    chosen = _whole_groups(content, content.sum(0) * size / len(labels), rng)
    inside, outside = content[chosen].sum(0), content[~chosen].sum(0)
    for k, name in enumerate(classes):
        if not (inside[k] and outside[k]):
            raise UserError(f"class {name!r} cannot be on both sides of a split that keeps its groups whole")
    return np.flatnonzero(chosen[index])


def _whole_groups(
    content: NDArray[np.int64], target: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """The groups to take, [G] bool: in random order, each that brings the classes' counts nearer to the target.

    A class that would get none gets its smallest group. A group that is the last of a class is not taken.
    """
    chosen = np.zeros(len(content), bool)
    have, total = np.zeros(content.shape[1], np.int64), content.sum(0)
    for g in rng.permutation(len(content)):
        last = (content[g] > 0) & (have + content[g] == total)
        if np.abs(target - have - content[g]).sum() < np.abs(target - have).sum() and not last.any():
            chosen[g] = True
            have += content[g]

    for k in np.flatnonzero(have == 0):
        holders = np.flatnonzero(content[:, k])
        left = total - content[chosen].sum(0) - content[holders] * ~chosen[holders, None]
        holders = holders[~((content[holders] > 0) & (left <= 0)).any(1)]
        if len(holders):
            chosen[holders[content[holders].sum(1).argmin()]] = True
    return chosen


def stratified(labels: NDArray[np.int64], size: int, rng: np.random.Generator, leave: int = 0) -> NDArray[np.int64]:
    """Indices of a random subset in which every class has its proportion, and at least one image.

    Args:
        labels: [N] int64.
        size: how many indices.
        rng: draws which.
        leave: how many images of each class are left out at least.

    Returns:
        Indices [size] int64, sorted.

    Example:
        >>> stratified(np.array([0, 0, 0, 0, 1, 1]), 3, np.random.default_rng(0))
        array([2, 3, 5])
    """
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    taken = _shares(counts, size, leave)
    starts = np.cumsum(counts) - counts
    rank = np.arange(len(labels)) - np.repeat(starts, counts)
    return np.sort(order[rank < np.repeat(taken, counts)])


def _shares(counts: NDArray[np.int64], size: int, leave: int) -> NDArray[np.int64]:
    """How many of each class: by largest remainder, from 1 (if the class is there) to counts - leave."""
    ideal = counts * size / counts.sum()
    low, high = np.minimum(1, counts), np.maximum(counts - leave, 0)
    taken: NDArray[np.int64] = np.clip(np.floor(ideal).astype(np.int64), low, high)
    while taken.sum() != size:
        step = 1 if taken.sum() < size else -1
        room = (taken < high) if step > 0 else (taken > low)
        taken[np.where(room, step * (ideal - taken), -np.inf).argmax()] += step
    return taken
