"""What a data set is, in words and as a contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from policysearch.datasets.cache import COPIES
from policysearch.datasets.class_balance import rare_notes
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.registry import SHIPPED
from policysearch.datasets.split import Split, split
from policysearch.reports.preview.figure import must_be_png, write_figure
from policysearch.reports.preview.line_sheet import alphabet_note, line_sheet, line_table
from policysearch.reports.preview.mask_sheet import mask_sheet, mask_table
from policysearch.reports.preview.sheet import Picture, pixels, sheet
from policysearch.reports.preview.target_sheet import target_sheet, target_table, targets_in_words
from policysearch.reports.terminal import plain, say

_ROWS, _COLUMNS = 20, 8
_LISTED = 200  # classes, at most, that a table shows


def describe(dataset: Dataset, validation: int | None, seed: int, out: Path | None) -> None:
    """Print counts, sizes, classes and the split of a data set; write its contact sheet to `out`, PATH.png.

    Raises:
        UserError: the data cannot be split so, or `out` cannot be written.
    """
    if out is not None:
        must_be_png(out)
    parts = split(dataset, validation, seed)
    console = Console()
    channels, height, width = dataset.shape
    kind = "grey" if channels == 1 else "RGB"
    total = len(dataset.y_train) + len(dataset.y_test)
    size = f"{height}×{width} {kind}"
    say(console, f"{dataset.name}: {total:,} images, {size}, {_contents(dataset)}", "bold")
    console.print(_table(dataset, parts))
    notes = ["the validation part is the data's own" if dataset.validation is not None else f"split seed {seed}"]
    notes += [alphabet_note(dataset)] if dataset.texts_train else []
    notes += [f"{len(np.unique(dataset.groups)):,} groups, kept whole"] if dataset.groups is not None else []
    if dataset.handle not in SHIPPED:
        notes.append(f"decoded images in {dataset.handle}")
        copies = Path(dataset.handle, COPIES)
        notes += [f"all copies and near-copies in {copies}"] if copies.exists() else []
    say(
        console,
        "\n".join([*notes, *(f"warning: {text}" for text in [*dataset.warnings, *rare_notes(dataset, parts)])]),
    )
    if out is not None:
        write_figure(contact_sheet(dataset, parts), out)
        rows = min(len(dataset.classes), _ROWS)
        say(console, f"{out}: training images{f' of {rows} classes' if dataset.has_classes else ''}")


def _contents(dataset: Dataset) -> str:
    """What is known of the images besides their pixels."""
    if dataset.mask_classes:
        return f"masks of {len(dataset.mask_classes)} classes"
    if dataset.texts_train:
        return f"texts of {len(set(''.join(dataset.texts_train)))} characters"
    if dataset.targets_train is not None:
        return targets_in_words(dataset)
    return f"{len(dataset.classes)} classes" if dataset.labelled else "no labels"


def _table(dataset: Dataset, parts: Split) -> Table:
    if dataset.texts_train:
        return line_table(dataset, parts)
    if dataset.targets_train is not None:
        return target_table(dataset, parts)
    if dataset.mask_classes:
        return mask_table(dataset, parts)
    sides = (dataset.y_train[parts.train], dataset.y_train[parts.validation], dataset.y_test)
    counts = np.stack([np.bincount(labels, minlength=len(dataset.classes)) for labels in sides], 1)
    table = Table(show_footer=True)
    table.add_column("class", footer="all")
    for name, total in zip(("train", "validation", "test"), counts.sum(0), strict=True):
        table.add_column(name, footer=f"{total:,}", justify="right")
    for name, row in list(zip(dataset.classes, counts, strict=True))[:_LISTED]:
        table.add_row(plain(name), *(f"{count:,}" for count in row))
    if len(dataset.classes) > _LISTED:
        table.add_row(f"… {len(dataset.classes) - _LISTED} more", "", "", "")
    return table


def contact_sheet(dataset: Dataset, parts: Split) -> Figure:
    """Eight training images of each class, of the first twenty classes where there are more; or images with
    their texts or masks."""
    if dataset.texts_train:
        return line_sheet(dataset, parts)
    if dataset.targets_train is not None:
        return target_sheet(dataset, parts)
    if dataset.mask_classes:
        return mask_sheet(dataset, parts)
    labels = dataset.y_train[parts.train]
    rows = [_row(dataset, parts.train[labels == k], name) for k, name in enumerate(dataset.classes[:_ROWS])]
    more = len(dataset.classes) - _ROWS
    kind = "training images, a row for each class" if dataset.has_classes else "training images"
    notes = [kind] + ([f"{more} more classes"] if more > 0 else [])
    return sheet(dataset.name, notes, rows)


def _row(dataset: Dataset, rows_of_class: NDArray[np.int64], name: str) -> list[Picture]:
    chosen = np.random.default_rng(0).permutation(rows_of_class)[:_COLUMNS]
    texts = (f"{name}, {len(rows_of_class):,}", *[""] * _COLUMNS)
    row = [Picture(pixels(dataset.x_train[i]), (text,)) for i, text in zip(chosen, texts, strict=False)]
    blank = np.full(row[0].image.shape, 255, np.uint8)
    return row + [Picture(blank, ("",))] * (_COLUMNS - len(row))
