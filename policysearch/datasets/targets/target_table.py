"""The table `labels.csv` of a folder: which file has which labels, or which numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from policysearch.core.errors import UserError
from policysearch.core.readable import counted, some
from policysearch.datasets.targets.kinds import Targets, named_label_sets
from policysearch.datasets.targets.needs import TARGET_NEEDS
from policysearch.datasets.text_lines.label_table import (
    FILE_COLUMNS,
    PART_COLUMNS,
    file_of_cell,
    part_of_row,
    place_of,
    some_names,
    table_rows,
)

_SEPARATORS = re.compile("[|;,]")


@dataclass(frozen=True)
class LabelledImage:
    """A row of the table.

    Attributes:
        path: of the image.
        part: train, validation or test.
        cells: by the name of their column, those of the file and of the part left out.
    """

    path: Path
    part: str
    cells: Mapping[str, str]


def read_targets(table: Path, part: str | None, needs: str) -> tuple[list[LabelledImage], list[str]]:
    """The rows of a `labels.csv`, and what a person should know of them, a sentence each.

    Args:
        table: the file; its rows name files below its folder.
        part: of all its rows; None: that of the column `part`, or of the folder that a file is in, or train.
        needs: which targets it should have, for messages.

    Raises:
        UserError: the table cannot be read, has no columns of targets, or names a file that is not there, or twice.
    """
    usual = f"file,{TARGET_NEEDS[needs].columns[0]}"
    header, *rows = table_rows(table, usual)
    names = [cell.strip() for cell in header]
    file, of_part = (place_of([name.lower() for name in names], usual) for usual in (FILE_COLUMNS, PART_COLUMNS))
    columns = [i for i, name in enumerate(names) if i not in (file, of_part) and name]
    if file is None or not columns:
        raise UserError(
            f"{table} must begin with a header such as {usual} (a further column may be part), and its first line is "
            f"{','.join(header)[:80]!r}"
        )
    if len(set(names)) < len(names):
        raise UserError(f"{table} has two columns of one name: {','.join(header)[:80]!r}")

    images: dict[Path, LabelledImage] = {}
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise UserError(f"{table} has {len(row)} cells in line {number} and {len(header)} in its header")
        below = file_of_cell(table, row[file])
        image_part = part or part_of_row(table, None if of_part is None else row[of_part], below)
        image = LabelledImage(table.parent / below, image_part, {names[i]: row[i].strip() for i in columns})
        if images.setdefault(image.path, image) is not image:
            raise UserError(f"{table} names {below} twice: keep one row")
    _must_be_there(table, images)
    return list(images.values()), []


def _must_be_there(table: Path, images: Mapping[Path, LabelledImage]) -> None:
    if not images:
        raise UserError(f"{table} has a header and no rows: it needs one for each image")
    missing = [path.relative_to(table.parent).as_posix() for path in images if not path.is_file()]
    if missing:
        files = counted(len(missing), "file that is", "files that are")
        raise UserError(f"{table} names {files} not there: {some_names(missing)}")


def targets_of(rows: Sequence[LabelledImage], needs: str) -> tuple[Targets, tuple[str, ...]]:
    """The targets [N, K] of rows, and their names.

    Args:
        rows: of all tables.
        needs: which targets they are.

    Raises:
        UserError: tables have different columns, or a cell is no label or no number.
    """
    names = tuple(rows[0].cells)
    other = next((row for row in rows if tuple(row.cells) != names), None)
    if other is not None:
        raise UserError(f"{other.path.name} has the columns {some(list(other.cells))}, and others have {some(names)}")
    return _TARGETS[needs](rows, names)


def _label_sets(rows: Sequence[LabelledImage], names: tuple[str, ...]) -> tuple[Targets, tuple[str, ...]]:
    """Of one column a list of names in each cell; of several, or of one of 0 and 1 alone, a label in each column."""
    if len(names) == 1 and not all(row.cells[names[0]] in ("0", "1") for row in rows):
        sets = [[label.strip() for label in _SEPARATORS.split(row.cells[names[0]]) if label.strip()] for row in rows]
        labels = tuple(sorted({label for labels in sets for label in labels}))
        if not labels:
            raise UserError(f"the column {names[0]} of labels.csv is empty: it needs the labels of each image, as a|b")
        return named_label_sets(sets, labels), labels
    for row in rows:
        for name in names:
            if row.cells[name] not in ("0", "1"):
                raise UserError(
                    f"{row.path.name} has {row.cells[name]!r} in the column {name!r} of labels.csv: it must be 0 or 1 "
                    "where there is a column for each label (or one column `labels` with names, as cat|dog)"
                )
    return np.array([[row.cells[name] == "1" for name in names] for row in rows], np.float32), names


def _numbers(rows: Sequence[LabelledImage], names: tuple[str, ...]) -> tuple[Targets, tuple[str, ...]]:
    return np.array([[_number(row, name) for name in names] for row in rows], np.float64), names


def _number(row: LabelledImage, name: str) -> float:
    try:
        number = float(row.cells[name])
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise UserError(
            f"{row.path.name} has {row.cells[name]!r} in the column {name!r} of labels.csv, and --task regression "
            "needs a number: leave the column out if it is none of the targets"
        )
    return number


_TARGETS: Mapping[str, Callable[[Sequence[LabelledImage], tuple[str, ...]], tuple[Targets, tuple[str, ...]]]] = (
    MappingProxyType({"label-sets": _label_sets, "numbers": _numbers})
)
