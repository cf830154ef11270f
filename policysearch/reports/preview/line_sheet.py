"""What a data set of text lines is, in words and as a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.table import Table

from policysearch.core.readable import some
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import Split
from policysearch.reports.preview.sheet import Picture, pixels, sheet

_ROWS, _COLUMNS = 8, 4
_SHOWN = 40  # characters of the alphabet


def line_table(dataset: Dataset, parts: Split) -> Table:
    """Lines and characters by part.

    Args:
        dataset: with texts.
        parts: the split of its training part.
    """
    table = Table()
    table.add_column("part")
    for title in ("lines", "characters", "different", "longest", "widest, pixels"):
        table.add_column(title, justify="right")
    train_texts, train_widths = np.array(dataset.texts_train, object), np.array(dataset.widths_train)
    for name, rows in (("train", parts.train), ("validation", parts.validation)):
        table.add_row(name, *_counts(train_texts[rows].tolist(), train_widths[rows].tolist()))
    if dataset.texts_test:
        table.add_row("test", *_counts(dataset.texts_test, dataset.widths_test))
    return table


def _counts(texts: Sequence[str], widths: Sequence[int]) -> list[str]:
    joined = "".join(texts)
    return [f"{number:,}" for number in (len(texts), len(joined), len(set(joined)), max(map(len, texts)), max(widths))]


def alphabet_note(dataset: Dataset) -> str:
    """The characters of the training lines, in a sentence."""
    characters = sorted(set("".join(dataset.texts_train)))
    return f"characters: {some([*map(repr, characters)], _SHOWN)}"


def line_sheet(dataset: Dataset, parts: Split) -> Figure:
    """Training lines with what they say."""
    chosen = np.random.default_rng(0).permutation(parts.train)[: _ROWS * _COLUMNS]
    pictures = [_picture(dataset, row) for row in chosen]
    blank = Picture(np.full(pictures[0].image.shape, 255, np.uint8), ("",))
    pictures += [blank] * (-len(pictures) % _COLUMNS)
    rows = [pictures[start : start + _COLUMNS] for start in range(0, len(pictures), _COLUMNS)]
    return sheet(dataset.name, ["training lines, and what they say"], rows)


def _picture(dataset: Dataset, row: np.int64) -> Picture:
    image: NDArray[np.uint8] = dataset.x_train[row]
    return Picture(pixels(image), (dataset.texts_train[row],))
