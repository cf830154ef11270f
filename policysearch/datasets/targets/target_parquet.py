"""Parquet of images with a column of lists of labels, or of numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from policysearch.core.errors import UserError
from policysearch.datasets.groups import group_name
from policysearch.datasets.parquet import decoded_cell, encoded_cells, parts_of_files, same_class_names
from policysearch.datasets.parquet_columns import class_names, column_of, image_column, must_have_columns
from policysearch.datasets.parquet_table import read_schema, read_table
from policysearch.datasets.source import TRAIN, Item, Listing, hidden_labels
from policysearch.datasets.targets.kinds import Targets, default_names, label_sets, named_label_sets, rows_of
from policysearch.datasets.targets.needs import TARGET_NEEDS

_Named = tuple[Targets, tuple[str, ...]]


def list_target_parquet(path: Path, group: str | None, columns: tuple[str | None, str | None], needs: str) -> Listing:
    """The images of a file, or of a folder of shards whose names, or folders' names, begin with a part's.

    Args:
        path: a file or a folder.
        group: the column that holds the groups, or None.
        columns: of images and of targets; None is the one of a usual name.
        needs: which targets they are.

    Raises:
        UserError: a file cannot be read, is too large, has no such columns, or a cell is no list of labels, or no
            number.
    """
    parts = parts_of_files(path)
    first = next((file for file, part in parts.items() if part == TRAIN), None)
    if first is None:
        raise UserError(f"{path} has no training part: a file whose name begins with train")
    schema = read_schema(first)
    image, column = image_column(schema, first, columns[0]), _target_column(schema, first, columns[1], needs)
    items: list[Item] = []
    values: list[Any] = []
    count: Counter[str] = Counter()
    hidden: list[str] = []
    for file, part in parts.items():
        needed = [image, column, *([group] if group and part == TRAIN else [])]
        must_have_columns(read_schema(file), file, needed)
        table = read_table(file, list(dict.fromkeys(needed)))
        cells = table[column].to_pylist()
        if part != TRAIN and all(cell is None for cell in cells):
            hidden.append(hidden_labels(part))
            continue
        values += cells
        items += _items(file, part, table[image], table[group].to_pylist() if len(needed) > 2 else None, count)

    names = same_class_names([(file, class_names(read_schema(file), column, file)) for file in parts])
    targets, target_names = _TARGETS[needs](values, column, names)
    images = [replace(item, targets=row) for item, row in zip(items, targets, strict=True)]
    return Listing(images, target_names, tuple(dict.fromkeys(hidden)))


def _target_column(schema: Any, file: Path, setting: str | None, needs: str) -> str:
    return column_of(schema, file, setting, TARGET_NEEDS[needs].columns, [], "label")


def _items(file: Path, part: str, images: Any, groups: list[Any] | None, count: Counter[str]) -> Iterator[Item]:
    cells, names = encoded_cells(file, images)
    for i, image_name in enumerate(names):
        shown = image_name or f"{part}[{count[part]}]"
        count[part] += 1
        yield Item(shown, part, partial(decoded_cell, cells, i, 0), group_name(groups[i] if groups else None))


def _label_sets(values: Sequence[Any], column: str, names: tuple[str, ...] | None) -> _Named:
    """A cell is a list of class numbers or of names, or a row of 0 and 1 as long as there are classes."""
    odd = [value for value in values if not isinstance(value, list)]
    if odd:
        raise UserError(
            f"the column {column!r} has {odd[0]!r:.60}, and --task multi-label needs a list of labels in each cell "
            "(empty where an image has none); say which column by --label-column NAME"
        )
    if all(isinstance(label, str) for value in values for label in value):
        labels = names or tuple(sorted({label for value in values for label in value}))
        unknown = {label for value in values for label in value} - set(labels)
        if unknown:
            raise UserError(f"label {min(unknown)!r} is none of the classes {', '.join(labels)}")
        return named_label_sets(values, labels), labels
    return _numbered(values, column, names)


def _numbered(values: Sequence[Any], column: str, names: tuple[str, ...] | None) -> _Named:
    numbers = {label for value in values for label in value}
    odd = [label for label in numbers if not isinstance(label, int) or label < 0]
    if odd or not numbers:
        what = f"got {odd[0]!r}" if odd else "and it has none"
        raise UserError(f"labels in the column {column!r} must be names, or numbers from 0, {what}")
    if any(len(set(value)) < len(value) for value in values):
        return _as_rows(values, column, names)
    labels = names or default_names("label-sets", max(numbers) + 1)
    if max(numbers) >= len(labels):
        raise UserError(f"the column {column!r} has label {max(numbers)}, but there are {len(labels)} classes")
    return label_sets(values, len(labels)), labels


def _as_rows(values: Sequence[Any], column: str, names: tuple[str, ...] | None) -> _Named:
    """Lists that name a number twice: rows of 0 and 1, or else a mistake."""
    lengths = {len(value) for value in values}
    if len(lengths) > 1 or not {label for value in values for label in value} <= {0, 1}:
        raise UserError(
            f"the column {column!r} has lists that name a label twice: each cell must be a list of different labels, "
            "or as many 0 and 1 as there are labels"
        )
    return np.array(values, np.float32), names or default_names("label-sets", lengths.pop())


def _numbers(values: Sequence[Any], column: str, names: tuple[str, ...] | None) -> _Named:
    """A cell is a number, or a list of as many as in every other cell."""
    rows = [value if isinstance(value, list) else [value] for value in values]
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise UserError(
            f"the column {column!r} has lists of {min(lengths)} to {max(lengths)} numbers: all must be alike"
        )
    odd = [number for row in rows for number in row if type(number) not in (int, float)]
    if odd:
        raise UserError(
            f"the column {column!r} has {odd[0]!r:.60}, and --task regression needs a number in each cell, or a list "
            "of numbers; say which column by --label-column NAME"
        )
    targets = rows_of(np.array(rows, np.float64), len(rows), f"the column {column!r}", "numbers")
    if targets is None:
        raise UserError(f"the column {column!r} is nan throughout, and numbers are needed to train")
    count = targets.shape[1]
    return targets, (column,) if count == 1 else tuple(f"{column} {i}" for i in range(count))


_TARGETS: Mapping[str, Callable[[Sequence[Any], str, tuple[str, ...] | None], _Named]] = MappingProxyType(
    {"label-sets": _label_sets, "numbers": _numbers}
)
