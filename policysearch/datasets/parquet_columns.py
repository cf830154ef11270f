"""Which columns of a Parquet file hold the images and the labels, and what the classes are called."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError

IMAGE_COLUMNS = ("image", "img", "picture")
"""Usual names of the column of images."""
CLASS_COLUMNS = ("label", "labels", "fine_label", "target", "class")
"""Usual names of the column of labels."""


@dataclass(frozen=True)
class Columns:
    """The names of the columns that are read; None for a label that is not there."""

    image: str
    label: str | None


def columns_of(schema: Any, file: Path, image: str | None, label: str | None, labels: bool = True) -> Columns:
    """The columns of images and of labels.

    Args:
        schema: Arrow's schema of the training part's first file.
        file: that file, for messages.
        image, label: their names, or None: those of the usual names, or else the only one that can be meant.
        labels: whether there must be labels.

    Raises:
        UserError: there is no such column, or there are several.
    """
    with_classes = [name for name in schema.names if _named_classes(schema, name)]
    column = image_column(schema, file, image)
    if not labels and label is None and len(with_classes) != 1 and {*CLASS_COLUMNS}.isdisjoint(schema.names):
        return Columns(column, None)
    return Columns(column, column_of(schema, file, label, CLASS_COLUMNS, with_classes, "label"))


def image_column(schema: Any, file: Path, image: str | None) -> str:
    """The column of images; arguments and errors as for `columns_of`."""
    encoded = [field.name for field in schema if is_encoded_image(field.type)]
    return column_of(schema, file, image, IMAGE_COLUMNS, encoded, "image")


def must_have_columns(schema: Any, file: Path, names: Iterable[str]) -> None:
    """Check that a file has columns.

    Args:
        schema: Arrow's schema of the file.
        file: that file, for messages.
        names: of the columns.

    Raises:
        UserError: one is missing.
    """
    for name in names:
        if name not in schema.names:
            raise UserError(f"{file} has no column {name!r}; its columns: {', '.join(schema.names)}")


def column_of(
    schema: Any, file: Path, setting: str | None, usual: Sequence[str], possible: Sequence[str], what: str
) -> str:
    """A column by the setting, by a usual name, or the only one that can be meant.

    Args:
        schema: Arrow's schema.
        file: that it is of, for messages.
        setting: its name, or None.
        usual: names, the first of which that is there is taken.
        possible: columns that can be meant.
        what: is in it, for messages.

    Raises:
        UserError: there is no such column, or there are several.
    """
    columns = ", ".join(schema.names)
    if setting is not None:
        if setting in schema.names:
            return setting
        raise UserError(f"{file} has no column {setting!r} (--{what}-column); its columns: {columns}")
    for name in usual:
        if name in schema.names:
            return name
    if len(possible) == 1:
        return possible[0]
    without = "; images without labels are for --task self-supervised" if what == "label" and not possible else ""
    raise UserError(
        f"{file} has no column of {what}s ({' or '.join(usual)}); its columns: {columns}; "
        f"say which by --{what}-column NAME{without}"
    )


def is_encoded_image(kind: Any) -> bool:
    """Whether a column of this type of Arrow's holds encoded images: bytes, or {bytes, path}."""
    from pyarrow import types

    if types.is_struct(kind):
        return any(field.name == "bytes" for field in kind)
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def class_names(schema: Any, label: str | None, file: Path) -> tuple[str, ...] | None:
    """A name for each class, from the hub's own metadata or from a `classes.txt` beside the file; or None.

    Args:
        schema: Arrow's schema of the file.
        label: the column of labels; None where there is none, and so no names.
        file: the file.

    Raises:
        UserError: `classes.txt` is not text.
    """
    if label is None:
        return None
    names = _named_classes(schema, label) or _named_elements(schema, label)
    beside = file.with_name("classes.txt")
    if names or not beside.exists():
        return names
    try:
        lines = beside.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{beside} is not text in UTF-8; it must hold one class name per line") from None
    return tuple(line.strip() for line in lines if line.strip())


def _named_classes(schema: Any, column: str) -> tuple[str, ...] | None:
    return _names(schema, column, lambda feature: feature["names"])


def _named_elements(schema: Any, column: str) -> tuple[str, ...] | None:
    """Of a column of lists of labels, as the hub has written them in turn."""
    nested = _names(schema, column, lambda feature: feature["feature"]["names"])
    return nested or _names(schema, column, lambda feature: feature[0]["names"])


def _names(schema: Any, column: str, of_feature: Callable[[Any], Any]) -> tuple[str, ...] | None:
    text = (schema.metadata or {}).get(b"huggingface")
    try:
        names = of_feature(json.loads(text)["info"]["features"][column]) if text else None
    except (ValueError, LookupError, TypeError, RecursionError):  # damaged metadata, or none of classes
        return None
    return tuple(map(str, names)) if isinstance(names, list) and names else None
