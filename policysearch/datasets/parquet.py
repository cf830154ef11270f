"""Parquet in the layout of the data-set hubs: an image column of {bytes, path}, a label column, one file or shards."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL.Image import Image

from policysearch.core.errors import UserError
from policysearch.datasets.groups import group_name
from policysearch.datasets.parquet_columns import Columns, class_names, columns_of, must_have_columns
from policysearch.datasets.parquet_table import read_schema, read_table
from policysearch.datasets.source import PARTS, TRAIN, Item, Listing, hidden_labels, part_called


@dataclass(frozen=True)
class _Row:
    """One image, not decoded: `cells` is its column of encoded images and `i` its place there."""

    part: str
    name: str | None
    cells: Any
    i: int
    label: Any
    group: str | None

    @property
    def is_hidden(self) -> bool:
        """Whether its label is not there: hubs keep those of a competition's test part to themselves."""
        return self.label is None or (isinstance(self.label, int) and self.label < 0)


def parquet_files(path: Path) -> list[Path]:
    """The Parquet files that a path means, sorted; none where it means something else.

    These are the path itself, or the files in the folder, in its `data` folder, in those of its parts, or in the only
    sub-folder that has any, which hubs name after a configuration.
    """
    if path.suffix == ".parquet" and not path.is_dir():
        return [path]
    inside = sorted(path.glob("*/*.parquet"))
    files = (
        sorted(path.glob("*.parquet"))
        or [file for file in inside if file.parent.name == "data"]
        or [file for file in inside if part_called(file.parent.name)]
    )
    if files or not path.is_dir():
        return files

    configurations = {file.parent for file in inside} | {
        folder for folder in path.iterdir() if folder.is_dir() and any(map(_has_shards, folder.iterdir()))
    }
    return parquet_files(configurations.pop()) if len(configurations) == 1 else []


def _has_shards(path: Path) -> bool:
    return (path.name == "data" or part_called(path.name) is not None) and any(path.glob("*.parquet"))


def parts_of_files(path: Path) -> dict[Path, str]:
    """The part of each Parquet file that a path means, in their order.

    That of its name or of its folder's; where no file has one, all are train, and else those without are left out.

    Args:
        path: a file or a folder.
    """
    files = parquet_files(path)
    part_of = {file: part_called(re.split(r"[-_.]", file.stem)[0]) or part_called(file.parent.name) for file in files}
    if not any(part_of.values()):
        return dict.fromkeys(files, TRAIN)
    return {file: part for file, part in part_of.items() if part}


def list_parquet(
    path: Path, group: str | None, image: str | None = None, label: str | None = None, labels: bool = True
) -> Listing:
    """The images of a file, or of a folder of shards whose names, or folders' names, begin with a part's.

    Their bytes stay in Arrow's memory until an image is decoded. A part other than train whose labels are all -1 or
    missing is left out.

    Args:
        path: a file or a folder.
        group: the column that holds the groups, or None.
        image: the column of images; None is the one of the usual name, or the only one there is.
        label: the column of labels, likewise.
        labels: whether there must be labels; else their column may be missing, or say nothing of the training part.

    Raises:
        UserError: a file cannot be read, is too large, or has no such columns.
    """
    part_of = parts_of_files(path)
    files = list(part_of)
    first = next((file for file in files if part_of[file] == TRAIN), files[0])
    columns = columns_of(read_schema(first), first, image, label, labels)
    rows: list[_Row] = []
    names: list[tuple[Path, tuple[str, ...] | None]] = []
    for file in files:
        rows += _rows(part_of[file], file, columns, group)
        names.append((file, class_names(read_schema(file), columns.label, file)))

    if not labels and _all_hidden([row for row in rows if row.part == TRAIN]):
        return Listing(list(_items(rows, [0] * len(rows))), None, labelled=False)
    hidden = [part for part in PARTS if part != TRAIN and _all_hidden([row for row in rows if row.part == part])]
    rows = [row for row in rows if row.part not in hidden]
    _must_have_labels(rows)
    numbers, classes = _labels([row.label for row in rows], same_class_names(names))
    return Listing(list(_items(rows, numbers)), classes, tuple(map(hidden_labels, hidden)))


def _must_have_labels(rows: Sequence[_Row]) -> None:
    without = sum(row.label is None for row in rows)
    if without:
        raise UserError(
            f"{without:,} of {len(rows):,} images have no label: give or remove them; images without labels are for "
            "--task self-supervised"
        )


def _all_hidden(rows: Sequence[_Row]) -> bool:
    return bool(rows) and all(row.is_hidden for row in rows)


def _items(rows: Sequence[_Row], labels: Sequence[int]) -> Iterator[Item]:
    count: Counter[str] = Counter()
    for row, label in zip(rows, labels, strict=True):
        name = row.name or f"{row.part}[{count[row.part]}]"
        count[row.part] += 1
        yield Item(name, row.part, partial(decoded_cell, row.cells, row.i, label), row.group)


def _rows(part: str, file: Path, columns: Columns, group: str | None) -> Iterator[_Row]:
    schema = read_schema(file)
    present = schema.names
    of_train = [name for name in (columns.label, group) if name and part == TRAIN]
    needed = [columns.image, *of_train]
    must_have_columns(schema, file, needed)

    read = [name for name in (*needed, columns.label) if name and name in present]
    table = read_table(file, list(dict.fromkeys(read)))
    nothing = [None] * len(table)
    cells, names = encoded_cells(file, table[columns.image])
    labels = table[columns.label].to_pylist() if columns.label in present else nothing
    groups = table[group].to_pylist() if group and part == TRAIN else nothing
    for i, (image_name, label, value) in enumerate(zip(names, labels, groups, strict=True)):
        yield _Row(part, image_name, cells, i, label, group_name(value))


def encoded_cells(file: Path, column: Any) -> tuple[Any, list[str | None]]:
    """A column of encoded images, not copied, and their names.

    Args:
        file: that it is of, for messages.
        column: of Arrow; a cell is {bytes, path}, or the bytes alone.

    Raises:
        UserError: its images are not encoded.
    """
    from pyarrow import compute, types

    if types.is_binary(column.type) or types.is_large_binary(column.type):
        return column, [None] * len(column)
    fields = [field.name for field in column.type] if types.is_struct(column.type) else []
    if "bytes" not in fields:
        raise UserError(f"{file} has a column of images of type {column.type}; they must be encoded: {{bytes, path}}")
    names = compute.struct_field(column, "path").to_pylist() if "path" in fields else [None] * len(column)
    return compute.struct_field(column, "bytes"), names


def same_class_names(named: list[tuple[Path, tuple[str, ...] | None]]) -> tuple[str, ...] | None:
    """The names that all files give.

    Args:
        named: each file with the names of its classes, or None where it has none.

    Raises:
        UserError: they differ, so that a number means one class here and another there.
    """
    with_names = [(file, names) for file, names in named if names is not None]
    for file, names in with_names:
        if names != with_names[0][1]:
            raise UserError(
                f"{with_names[0][0]} and {file} number their classes differently: give all the same class names"
            )
    return with_names[0][1] if with_names else None


def _labels(values: list[Any], classes: tuple[str, ...] | None) -> tuple[list[int], tuple[str, ...] | None]:
    """Numbers stay; names are numbered in their order."""
    if all(isinstance(value, int) for value in values):
        return values, classes
    if not all(isinstance(value, str) for value in values):
        strange = [value for value in values if not isinstance(value, (int, str))]
        raise UserError(f"labels must be whole numbers or names, got {_in_words(strange)}")
    names = classes or tuple(sorted(set(values)))
    unknown = set(values) - set(names)
    if unknown:
        raise UserError(f"label {min(unknown)!r} is none of the classes {', '.join(names)}")
    number_of = {name: number for number, name in reversed([*enumerate(names)])}  # the first of two that are alike
    return [number_of[value] for value in values], names


def _in_words(strange: Sequence[Any]) -> str:
    """What labels are that are neither numbers nor names, with the task that takes them."""
    if not strange:
        return "both"
    tasks = {list: "; lists of labels are for --task multi-label", float: "; numbers are for --task regression"}
    return f"{strange[0]!r:.60}{tasks.get(type(strange[0]), '')}"


def decoded_cell(column: Any, i: int, label: int) -> tuple[Image, int]:
    """The image in a cell of a column of encoded images, decoded, and its label.

    Raises:
        Exception: whatever a damaged image makes Pillow raise.
    """
    from policysearch.datasets.image_file import read_image

    data = column[i].as_py()
    if not data:
        raise OSError("no bytes")
    return read_image(io.BytesIO(data)), label
