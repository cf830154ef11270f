"""Parquet in the layout of the data-set hubs: an image column of {bytes, path}, a label column, one file or shards."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from PIL.Image import Image

from policysearch.core.errors import UserError
from policysearch.datasets.groups import group_name
from policysearch.datasets.source import TRAIN, Item, Listing, part_called

_IMAGE = ("image", "img", "picture")
_LABEL = ("label", "labels", "fine_label", "target", "class")


def parquet_files(path: Path) -> list[Path]:
    """The Parquet files that a path means: itself, or those in the folder, its `data` folder, or those of its parts."""
    if path.suffix == ".parquet":
        return [path]
    inside = sorted(path.glob("*/*.parquet"))
    by_part = [file for file in inside if part_called(file.parent.name)]
    return sorted(path.glob("*.parquet")) or [file for file in inside if file.parent.name == "data"] or by_part


def list_parquet(path: Path, group: str | None) -> Listing:
    """The images of a file, or of a folder of shards whose names, or folders' names, begin with a part's.

    Their bytes stay in Arrow's memory until an image is decoded.

    Args:
        path: a file or a folder.
        group: the column that holds the groups, or None.

    Raises:
        UserError: a file cannot be read, or has no such columns.
    """
    files = parquet_files(path)
    known = {file: part_called(re.split(r"[-_.]", file.stem)[0]) or part_called(file.parent.name) for file in files}
    if any(known.values()):
        files = [file for file in files if known[file]]
    tables = [(known[file] or TRAIN, file, _table(file)) for file in files]
    _, first, table = tables[0]
    image, label = _column(first, table, _IMAGE, "images"), _column(first, table, _LABEL, "labels")
    rows = [row for part, file, table in tables for row in _rows(part, file, table, image, label, group)]
    named = _same_class_names([(file, _class_names(table, label, file)) for _, file, table in tables])
    labels, classes = _labels([row[3] for row in rows], named)
    counted: dict[str, int] = {}
    items = []
    for (part, name, read, _, own), number in zip(rows, labels, strict=True):
        counted[part] = counted.get(part, -1) + 1
        items.append(Item(name or f"{part}[{counted[part]}]", part, partial(read, number), own))
    return Listing(items, classes)


def _table(file: Path) -> Any:
    from pyarrow import ArrowException, parquet

    try:
        # Arrow takes a path as a URI (a:b.parquet) or as a partition (label=3/a.parquet); an open file is only read.
        with file.open("rb") as opened:
            return parquet.read_table(opened)
    except (ArrowException, OSError) as error:
        raise UserError(f"cannot read {file}: {' '.join(str(error).split())[:200]}") from None


def _column(file: Path, table: Any, names: tuple[str, ...], what: str) -> str:
    for name in names:
        if name in table.column_names:
            return name
    raise UserError(f"{file} has no column of {what} ({' or '.join(names)}); its columns: {table.column_names}")


def _rows(part: str, file: Path, table: Any, image: str, label: str, group: str | None) -> Iterator[tuple[Any, ...]]:
    wanted = [image, label, *([group] if group and part == TRAIN else [])]
    missing = [name for name in wanted if name not in table.column_names]
    if missing:
        raise UserError(f"{file} has no column {missing[0]!r}; its columns: {', '.join(table.column_names)}")
    groups = table[group].to_pylist() if len(wanted) == 3 else [None] * len(table)
    data, names = _cells(file, table[image])
    for i, (name, value, own) in enumerate(zip(names, table[label].to_pylist(), groups, strict=True)):
        yield part, name, partial(_decoded, data, i), value, group_name(own)


def _cells(file: Path, column: Any) -> tuple[Any, list[str | None]]:
    """A column of encoded images, not copied, and their names; a cell is {bytes, path}, or the bytes alone."""
    from pyarrow import compute, types

    if types.is_binary(column.type) or types.is_large_binary(column.type):
        return column, [None] * len(column)
    fields = [field.name for field in column.type] if types.is_struct(column.type) else []
    if "bytes" not in fields:
        raise UserError(f"{file} has a column of images of type {column.type}; they must be encoded: {{bytes, path}}")
    names = compute.struct_field(column, "path").to_pylist() if "path" in fields else [None] * len(column)
    return compute.struct_field(column, "bytes"), names


def _class_names(table: Any, label: str, file: Path) -> tuple[str, ...] | None:
    """From the hub's own metadata, or from a `classes.txt` beside the file."""
    text = (table.schema.metadata or {}).get(b"huggingface")
    try:
        names = json.loads(text)["info"]["features"][label]["names"] if text else None
    except (ValueError, LookupError, TypeError):  # metadata that are damaged, or say nothing of classes
        names = None
    if isinstance(names, list) and names:
        return tuple(map(str, names))
    beside = file.with_name("classes.txt")
    if not beside.exists():
        return None
    return tuple(line.strip() for line in beside.read_text(encoding="utf-8").splitlines() if line.strip())


def _same_class_names(named: list[tuple[Path, tuple[str, ...] | None]]) -> tuple[str, ...] | None:
    """The names that all files give; where they differ, a number means one class here and another there."""
    told = [(file, names) for file, names in named if names is not None]
    for file, names in told:
        if names != told[0][1]:
            raise UserError(f"{told[0][0]} and {file} number their classes differently: give all the same class names")
    return told[0][1] if told else None


def _labels(values: list[Any], classes: tuple[str, ...] | None) -> tuple[list[int], tuple[str, ...] | None]:
    """Numbers stay; names are numbered in their order."""
    if all(isinstance(value, int) for value in values):
        return values, classes
    if not all(isinstance(value, str) for value in values):
        strange = [value for value in values if not isinstance(value, (int, str))]
        raise UserError(f"labels must be whole numbers or names, got {repr(strange[0]) if strange else 'both'}")
    names = classes or tuple(sorted(set(values)))
    unknown = set(values) - set(names)
    if unknown:
        raise UserError(f"label {min(unknown)!r} is none of the classes {', '.join(names)}")
    return [names.index(value) for value in values], names


def _decoded(column: Any, i: int, label: int) -> tuple[Image, int]:
    from PIL import Image as images

    data = column[i].as_py()
    if not data:
        raise OSError("no bytes")
    with images.open(io.BytesIO(data)) as image:
        image.load()
        return image, label
