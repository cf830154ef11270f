"""Parquet of images with masks: two columns of encoded images, one file or shards."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from PIL.Image import Image

from policysearch.core.errors import UserError
from policysearch.datasets.groups import group_name
from policysearch.datasets.image_file import read_image
from policysearch.datasets.parquet import decoded_cell, encoded_cells, parts_of_files
from policysearch.datasets.parquet_columns import IMAGE_COLUMNS, image_column, is_encoded_image, must_have_columns
from policysearch.datasets.parquet_table import read_schema, read_table
from policysearch.datasets.source import TRAIN, Item, Listing

MASK_COLUMNS = ("mask", "annotation", "segmentation_mask", "label", "labels")
"""Usual names of the column of masks."""


def list_mask_parquet(path: Path, group: str | None, image: str | None = None, mask: str | None = None) -> Listing:
    """The images with masks of a file, or of a folder of shards whose names, or folders' names, begin with a part's.

    Args:
        path: a file or a folder.
        group: the column that holds the groups, or None.
        image: the column of images; None is `image`, `img` or `picture`, or the only one besides the masks.
        mask: the column of masks; None is `mask`, `annotation`, `segmentation_mask` or `label`.

    Raises:
        UserError: a file cannot be read, is too large, or has no such columns.
    """
    parts = parts_of_files(path)
    first = next((file for file, part in parts.items() if part == TRAIN), None)
    if first is None:
        raise UserError(f"{path} has no training part: a file whose name begins with train")
    schema = read_schema(first)
    masks = _mask_column(schema, first, mask)
    images = _image_column(schema, first, image, masks)
    count: Counter[str] = Counter()
    items: list[Item] = []
    for file, part in parts.items():
        items += _items(file, part, (images, masks), group if part == TRAIN else None, count)
    return Listing(items, None)


def has_mask_column(schema: Any) -> bool:
    """Whether a file has a column of encoded images that is called as one of masks is."""
    return any(name in schema.names and is_encoded_image(schema.field(name).type) for name in MASK_COLUMNS)


def _mask_column(schema: Any, file: Path, setting: str | None) -> str:
    columns = ", ".join(schema.names)
    if setting is not None and setting not in schema.names:
        raise UserError(f"{file} has no column {setting!r} (--label-column); its columns: {columns}")
    name = setting or next((name for name in MASK_COLUMNS if name in schema.names), None)
    if name is None:
        raise UserError(f"{file} has no column mask; its columns: {columns}; say which by --label-column NAME")
    if not is_encoded_image(schema.field(name).type):
        raise UserError(
            f"{file} has {schema.field(name).type} in its column {name!r}, and --task segmentation needs encoded "
            "images of masks, {bytes, path}; labels of whole images are learned without --task segmentation"
        )
    return name


def _image_column(schema: Any, file: Path, setting: str | None, masks: str) -> str:
    others: list[str] = [name for name in schema.names if is_encoded_image(schema.field(name).type) and name != masks]
    if setting is None and len(others) == 1 and not {*IMAGE_COLUMNS} & {*schema.names}:
        return others[0]
    column = image_column(schema, file, setting)
    if column == masks:
        raise UserError(f"{file} has images and masks in one column, {masks!r}: say which by --image-column")
    return column


def _items(file: Path, part: str, columns: tuple[str, str], group: str | None, count: Counter[str]) -> Iterator[Item]:
    needed = [*columns, *([group] if group else [])]
    must_have_columns(read_schema(file), file, needed)
    table = read_table(file, list(dict.fromkeys(needed)))
    (cells, names), (masks, _) = (encoded_cells(file, table[column]) for column in columns)
    groups = table[group].to_pylist() if group else [None] * len(table)
    for i, image_name in enumerate(names):
        shown = image_name or f"{part}[{count[part]}]"
        count[part] += 1
        read, mask = partial(decoded_cell, cells, i, 0), partial(_decoded_mask, masks, i)
        yield Item(shown, part, read, group_name(groups[i]), mask=mask)


def _decoded_mask(column: Any, i: int) -> Image:
    """The mask in a cell of a column of encoded images.

    Raises:
        Exception: whatever a damaged image makes Pillow raise.
    """
    data = column[i].as_py()
    if not data:
        raise OSError("its mask has no bytes")
    return read_image(io.BytesIO(data))
