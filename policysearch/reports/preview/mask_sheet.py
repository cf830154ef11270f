"""What a data set of images with masks is, in words and as a contact sheet."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from policysearch.core.masks import IGNORE
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import Split
from policysearch.reports.numbers import PERCENT
from policysearch.reports.preview.masks import Masking
from policysearch.reports.preview.sheet import Picture, pixels, sheet
from policysearch.reports.terminal import plain

_ROWS, _PAIRS = 6, 4
_LISTED = 200  # classes, at most, that a table shows


def mask_table(dataset: Dataset, parts: Split) -> Table:
    """The share of pixels that each class has, by part, and the images.

    Args:
        dataset: with masks.
        parts: the split of its training part.
    """
    assert dataset.masks_train is not None and dataset.masks_test is not None
    sides = {
        "train": (dataset.masks_train, parts.train),
        "validation": (dataset.masks_train, parts.validation),
        "test": (dataset.masks_test, np.arange(len(dataset.masks_test))),
    }
    shares = [_shares(masks, rows) for masks, rows in sides.values()]
    table = Table(show_footer=True)
    table.add_column("share of pixels", footer="images")
    for name, (_, rows) in sides.items():
        table.add_column(name, footer=f"{len(rows):,}", justify="right")
    for number, name in list(enumerate(dataset.mask_classes))[:_LISTED]:
        table.add_row(plain(name), *(PERCENT.value(of_part[number]) for of_part in shares))
    if len(dataset.mask_classes) > _LISTED:
        table.add_row(f"… {len(dataset.mask_classes) - _LISTED} more", *[""] * len(sides))
    table.add_row("no class", *(PERCENT.value(of_part[IGNORE]) for of_part in shares))
    return table


def _shares(masks: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """[256]: the share of the pixels of some masks that have each value."""
    counts = np.zeros(IGNORE + 1, np.int64)
    for row in rows:
        counts += np.bincount(masks[row].ravel(), minlength=len(counts))
    shares: NDArray[np.float64] = counts / max(1, int(counts.sum()))
    return shares


def mask_sheet(dataset: Dataset, parts: Split) -> Figure:
    """Training images, each beside itself under the colours of its mask."""
    assert dataset.masks_train is not None
    masking = Masking(dataset.masks_train, dataset.mask_classes)
    chosen = np.random.default_rng(0).permutation(parts.train)[: _ROWS * _PAIRS]
    pictures: list[Picture] = []
    for row in chosen:
        image: NDArray[np.uint8] = dataset.x_train[row]
        pictures += [Picture(pixels(image), ("",)), masking.picture(image, masking.masks[row])]
    blank = Picture(np.full(pictures[0].image.shape, 255, np.uint8), ("",))
    pictures += [blank] * (-len(pictures) % (2 * _PAIRS))
    rows = [pictures[start : start + 2 * _PAIRS] for start in range(0, len(pictures), 2 * _PAIRS)]
    return sheet(dataset.name, ["training images, each beside itself with its mask", masking.legend], rows)
