"""What of the targets of a data set cannot be learned, and what a person should know of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.readable import counted, readable_name, some
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.source import Item
from policysearch.datasets.targets.kinds import Targets

_FEW = 5
"""Validation images of a label below which its average precision is mostly noise."""
_SHOWN = 3

Checked = tuple[Targets, tuple[str, ...], list[str]]
"""Targets, their names, and sentences for a person."""


def checked_targets(
    needs: str, targets: Targets, names: Sequence[str], items: Sequence[Item], train: NDArray[np.int64]
) -> Checked:
    """The targets that can be learned.

    Args:
        needs: which targets they are.
        targets: [N, K].
        names: of the K targets.
        items: the N images, for messages.
        train: rows of the training part.

    Raises:
        UserError: there is another number of names; images of another part have a label that no training image has;
            all training images have the same labels, or the same number.
    """
    if len(names) != targets.shape[1]:
        raise UserError(f"there are {targets.shape[1]} targets per image and {len(names)} names (classes)")
    readable = tuple(map(readable_name, names))
    if needs == "label-sets":
        return _labels(targets, readable, items, train)
    fixed = [name for name, spread in zip(readable, np.ptp(targets[train], 0), strict=True) if spread == 0]
    if fixed:
        raise UserError(f"{fixed[0]} is the same number for all training images: leave it out")
    return targets, readable, []


def _labels(sets: Targets, names: tuple[str, ...], items: Sequence[Item], train: NDArray[np.int64]) -> Checked:
    """Without the labels that no image has."""
    counts = sets[train].sum(0)
    for row, label in np.argwhere((sets > 0) & (counts == 0))[:1]:
        raise UserError(
            f"{items[row].name} has the label {names[label]!r}, which no training image has: a label must have "
            "training images"
        )
    there = np.flatnonzero(counts)
    if not len(there) or (len(there) == 1 and counts[there[0]] == len(train)):
        raise UserError("all training images have the same labels, so that there is nothing to learn")
    notes = []
    if len(there) < len(names):
        notes.append(f"labels without images are left out: {some([names[i] for i in np.flatnonzero(counts == 0)])}")
    everywhere = [names[i] for i in there if counts[i] == len(train)]
    if everywhere:
        notes.append(f"all training images have {counted(len(everywhere), 'label', 'labels')}: {some(everywhere)}")
    return sets[:, there], tuple(names[i] for i in there), notes


def must_judge(targets: Targets, names: Sequence[str], part: str) -> None:
    """Check that networks can be judged by the images of a part.

    Args:
        targets: [N, K] of its images.
        names: of the K labels or numbers.
        part: its name, for the message.

    Raises:
        UserError: no image has a label, or every number is the same throughout.
    """
    if targets.dtype != np.float32 and not np.ptp(targets, 0).any():
        raise UserError(f"{some(names)} is the same for all {part} images: give others, or more of them")
    if targets.dtype == np.float32 and not targets.any():
        raise UserError(f"no {part} image has a label, so that nothing can be judged by them: give others")


def target_notes(targets: Targets, names: Sequence[str]) -> list[str]:
    """A sentence on the labels whose average precision is mostly noise, or nothing.

    Args:
        targets: [N, K] of the validation images.
        names: of the K labels or numbers.

    Raises:
        UserError: as `must_judge`.
    """
    must_judge(targets, names, "validation")
    if targets.dtype != np.float32:
        return []
    counts = targets.sum(0).astype(np.int64)
    rare = np.flatnonzero(counts < _FEW)
    if not len(rare):
        return []
    rare = rare[np.argsort(counts[rare], kind="stable")]
    named = some([f"{names[i]!r} {counts[i]}" for i in rare.tolist()], _SHOWN)
    return [
        f"{counted(len(rare), 'label has', 'labels have')} fewer than {_FEW} validation images ({named}), so that "
        "their average precision is mostly noise, and one without any does not count: get more images of them"
    ]


def shown_classes(dataset: Dataset) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """What pictures of training images are called: a number for each image [N_train], and the names of the numbers.

    These are the classes; where images have several labels, or numbers, those that agree in all of them.
    """
    if dataset.targets_train is None:
        return dataset.y_train, dataset.classes
    return rows_as_classes(dataset.targets_train, dataset.target_names)


def rows_as_classes(targets: Targets, names: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels [N] int64 and the names of classes, such that images of one class have the same targets.

    Example:
        >>> rows_as_classes(np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]], np.float32), ("cat", "dog"))
        (array([1, 0, 1]), ('without labels', 'cat'))
    """
    rows, numbers = np.unique(targets, axis=0, return_inverse=True)
    if targets.dtype == np.float32:
        described = [", ".join(name for name, there in zip(names, row, strict=True) if there) for row in rows]
        return numbers.reshape(-1), tuple(text or "without labels" for text in described)
    return numbers.reshape(-1), tuple(", ".join(f"{value:g}" for value in row) for row in rows)
