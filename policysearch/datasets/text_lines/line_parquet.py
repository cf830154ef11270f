"""Parquet of lines: a column of images and a column of strings, one file or shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError
from policysearch.datasets.groups import group_name
from policysearch.datasets.parquet import decoded_cell, encoded_cells, parts_of_files
from policysearch.datasets.parquet_columns import CLASS_COLUMNS, image_column, must_have_columns
from policysearch.datasets.parquet_table import read_schema, read_table
from policysearch.datasets.source import TRAIN, Item, Listing
from policysearch.datasets.text_lines.contents import LINE, TEXT_COLUMNS, line_text


def list_line_parquet(path: Path, group: str | None, image: str | None = None, text: str | None = None) -> Listing:
    """The lines of a file, or of a folder of shards whose names, or folders' names, begin with a part's.

    Args:
        path: a file or a folder.
        group: the column that holds the groups, or None.
        image: the column of images; None is the one of the usual name, or the only one there is.
        text: the column of strings; None is `text`, `transcription` or `string`.

    Raises:
        UserError: a file cannot be read, is too large, has no such columns, or has a text that is none.
    """
    parts = parts_of_files(path)
    first = next((file for file, part in parts.items() if part == TRAIN), None)
    if first is None:
        raise UserError(f"{path} has no training part: a file whose name begins with train")
    schema = read_schema(first)
    columns = (image_column(schema, first, image), _text_column(schema, first, text))
    count: Counter[str] = Counter()
    items: list[Item] = []
    for file, part in parts.items():
        items += _items(file, part, columns, group if part == TRAIN else None, count)
    return Listing(items, LINE)


def _text_column(schema: Any, file: Path, setting: str | None) -> str:
    from pyarrow import types

    columns = ", ".join(schema.names)
    name = setting or next((name for name in TEXT_COLUMNS if name in schema.names), None)
    if name is None:
        labels = [label for label in CLASS_COLUMNS if label in schema.names]
        if labels and not _is_text(schema.field(labels[0]).type):
            raise UserError(
                f"{file} has labels of classes ({labels[0]}) and no texts; its columns: {columns}: leave out --task "
                "text-lines to learn the classes, or say which column holds strings by --label-column NAME"
            )
        raise UserError(f"{file} has no column text; its columns: {columns}; say which by --label-column NAME")
    if name not in schema.names:
        raise UserError(f"{file} has no column {name!r} (--label-column); its columns: {columns}")
    kind = schema.field(name).type
    if not _is_text(kind):
        number = " (labels of classes are learned without --task text-lines)" if types.is_integer(kind) else ""
        raise UserError(f"{file} has {kind} in its column {name!r}, and --task text-lines needs strings{number}")
    return name


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _items(file: Path, part: str, columns: tuple[str, str], group: str | None, count: Counter[str]) -> Iterator[Item]:
    needed = [*columns, *([group] if group else [])]
    must_have_columns(read_schema(file), file, needed)
    table = read_table(file, list(dict.fromkeys(needed)))
    cells, names = encoded_cells(file, table[columns[0]])
    groups = table[group].to_pylist() if group else [None] * len(table)
    for i, (value, image_name) in enumerate(zip(table[columns[1]].to_pylist(), names, strict=True)):
        shown = image_name or f"{part}[{count[part]}]"
        count[part] += 1
        yield Item(shown, part, partial(decoded_cell, cells, i, 0), group_name(groups[i]), line_text(value, shown))
