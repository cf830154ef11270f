"""Groups of images that must stay on one side of a split: near-duplicates such as the frames of one track."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError

NEAR = "near"
"""What `--group` takes in place of a column or file, to keep copies and near-copies together."""

_HEADERS = {"image", "name", "path", "file", "filename"}


def is_file(group: str | None) -> bool:
    """Whether `--group` names a file, not a column."""
    return group is not None and Path(group).is_file()


def is_near(group: str | None) -> bool:
    """Whether `--group` asks for groups of near-copies; a file of that name comes first."""
    return group == NEAR and not is_file(group)


def column_name(group: str | None) -> str | None:
    """The column that `--group` names, or None."""
    return None if is_near(group) or is_file(group) else group


def group_name(value: Any) -> str | None:
    """A column's value as text; None where it is missing or NaN, so that nothing holds unlike images together."""
    return None if value is None or value != value else str(value)


def grouped(group: str, names: Sequence[str], column: Sequence[str | None]) -> NDArray[np.int64]:
    """The number of each training image's group, [N_train] int64.

    Args:
        group: a CSV file with rows `image,group`, or with one group per line in the images' order; else the name of a
            column.
        names: the training images' names.
        column: the groups in that column.

    Raises:
        UserError: the file has no group for an image, or too few lines; or the data have no such column.
    """
    values = _from_file(Path(group), names) if is_file(group) else column
    missing = [name for name, value in zip(names, values, strict=True) if value is None]
    if missing:
        raise UserError(
            f"--group {group} gives {len(missing)} of {len(names)} training images no group, such as {missing[0]!r}"
        )
    # Not by an array of texts: each would take as many bytes as the longest.
    numbers = {value: number for number, value in enumerate(sorted({str(value) for value in values}))}
    return np.array([numbers[str(value)] for value in values], np.int64)


def _by_name(path: Path, rows: Sequence[Sequence[str]]) -> dict[str, str]:
    by_name: dict[str, str] = {}
    for name, value in rows:
        if by_name.setdefault(name, value) != value:
            raise UserError(f"--group {path} gives {name} two groups, {by_name[name]} and {value}")
    return by_name


def _from_file(path: Path, names: Sequence[str]) -> list[str | None]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read --group {path}: {error}") from None
    if rows and all(len(row) == 2 for row in rows):
        by_name = _by_name(path, rows[1:] if rows[0][0].lower() in _HEADERS else rows)
        return [by_name.get(name) or None for name in names]
    if len(rows) != len(names) or any(len(row) != 1 for row in rows):
        raise UserError(
            f"--group {path} must have rows `image,group`, or one group per line for the {len(names)} training images; "
            f"it has {len(rows)} lines"
        )
    return [row[0] for row in rows]
