"""What a data set with several labels per image, or with numbers, is: in words and as a contact sheet."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import Split
from policysearch.datasets.targets.checks import shown_classes
from policysearch.reports.preview.sheet import Picture, pixels, sheet
from policysearch.reports.terminal import plain

_ROWS, _COLUMNS = 6, 6
_LISTED = 200  # labels, at most, that a table shows
_PARTS = ("train", "validation", "test")

_Values = NDArray[np.floating[Any]]


def targets_in_words(dataset: Dataset) -> str:
    """How many labels there are and how many an image has, or how many numbers."""
    targets = _by_part(dataset, None)[0]
    if targets.dtype != np.float32:
        count = len(dataset.target_names)
        return f"{count} number{'s' * (count > 1)} per image"
    return f"{targets.shape[1]} labels, {targets.sum(1).mean():.1f} per image"


def target_table(dataset: Dataset, parts: Split) -> Table:
    """Images with each label by part; or of each number its mean and deviation, and its range.

    Args:
        dataset: with targets.
        parts: the split of its training part.
    """
    sides = _by_part(dataset, parts)
    return _counts(dataset, sides) if sides[0].dtype == np.float32 else _ranges(dataset, sides)


def _by_part(dataset: Dataset, parts: Split | None) -> list[_Values]:
    """The targets of the training part, or of its sides and of the test part."""
    train, test = dataset.targets_train, dataset.targets_test
    assert train is not None and test is not None
    return [train] if parts is None else [train[parts.train], train[parts.validation], test]


def _counts(dataset: Dataset, sides: list[_Values]) -> Table:
    table = Table(show_footer=True)
    table.add_column("label", footer="images")
    for name, side in zip(_PARTS, sides, strict=True):
        table.add_column(name, footer=f"{len(side):,}", justify="right")
    counts = np.stack([side.sum(0) for side in sides], 1)
    for name, row in list(zip(dataset.target_names, counts, strict=True))[:_LISTED]:
        table.add_row(plain(name), *(f"{count:,.0f}" for count in row))
    if len(counts) > _LISTED:
        table.add_row(f"… {len(counts) - _LISTED} more", "", "", "")
    table.add_row("without labels", *(f"{(side.sum(1) == 0).sum():,}" for side in sides))
    return table


def _ranges(dataset: Dataset, sides: list[_Values]) -> Table:
    table = Table(show_footer=True)
    table.add_column("mean ± deviation (range)", footer="images")
    for name, side in zip(_PARTS, sides, strict=True):
        table.add_column(name, footer=f"{len(side):,}", justify="right")
    for i, name in enumerate(dataset.target_names[:_LISTED]):
        columns = [side[:, i] for side in sides]
        table.add_row(plain(name), *(_range(column) if len(column) else "–" for column in columns))
    return table


def _range(column: _Values) -> str:
    return f"{column.mean():.4g} ± {column.std():.4g} ({column.min():.4g} to {column.max():.4g})"


def target_sheet(dataset: Dataset, parts: Split) -> Figure:
    """Training images with their labels, or their numbers."""
    labels, names = shown_classes(dataset)
    chosen = np.random.default_rng(0).permutation(parts.train)[: _ROWS * _COLUMNS]
    pictures = [Picture(pixels(dataset.x_train[row]), (names[labels[row]],)) for row in chosen]
    pictures += [Picture(np.full(pictures[0].image.shape, 255, np.uint8), ("",))] * (-len(pictures) % _COLUMNS)
    rows = [pictures[start : start + _COLUMNS] for start in range(0, len(pictures), _COLUMNS)]
    return sheet(dataset.name, ["training images, and what they are labelled with"], rows)
