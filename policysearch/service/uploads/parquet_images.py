"""The images and labels of a Parquet file, read in small pieces and written anew."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError
from policysearch.datasets.parquet_columns import Columns, class_names, columns_of
from policysearch.datasets.parquet_table import failing_in_a_sentence, read_schema
from policysearch.service.limits import Limits
from policysearch.service.uploads.contents import Contents
from policysearch.service.uploads.image_headers import checked_suffix

_ROWS = 256


def rewritten(upload: Path, target: Path, limits: Limits) -> Contents:
    """Write the images and labels of a Parquet file to a new one, with the names of its classes.

    Args:
        upload: the file.
        target: the new file.
        limits: the operator's.

    Raises:
        UserError: it is damaged or hostile, has no such columns, or an image that is not taken.
    """
    import pyarrow
    from pyarrow import parquet

    read = read_schema(upload)
    columns = columns_of(read, upload, None, None)
    names = class_names(read, columns.label, upload)
    sizes: dict[tuple[int, int], None] = {}  # in the order in which they come
    rows = count()
    with (
        failing_in_a_sentence(upload),
        upload.open("rb") as file,
        parquet.ParquetFile(file) as source,
    ):
        _must_fit(source.metadata, upload.stat().st_size, limits)
        schema = _schema(source.schema_arrow.field(columns.label).type, names)
        with parquet.ParquetWriter(target, schema) as out:
            for batch in _batches(source, columns, limits):
                images = [_encoded(cell) for cell in batch.column(0)]
                sizes.update((_size(data, next(rows), limits), None) for data in images)
                cells = [{"bytes": data, "path": None} for data in images]
                arrays = [pyarrow.array(cells, schema.field(0).type), batch.column(1)]
                out.write_batch(pyarrow.record_batch(arrays, schema=schema))
    return Contents(target, sizes=tuple(sizes))


def _must_fit(metadata: Any, packed: int, limits: Limits) -> None:
    """Check what the file says of itself."""
    if metadata.num_rows > limits.members:
        raise UserError(f"the Parquet file has {metadata.num_rows:,} rows, and {limits.members:,} are allowed")
    groups = [metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)]
    if max([*groups, sum(groups)]) > limits.unpacked_bytes:
        raise UserError(f"the Parquet file unpacks to more than {limits.unpacked_bytes:,} bytes, which is the most")
    if sum(groups) > max(10_000_000, limits.expansion * packed):
        raise UserError(f"the Parquet file unpacks to more than {limits.expansion:g} times its size")


def _batches(source: Any, columns: Columns, limits: Limits) -> Iterator[Any]:
    """Rows in small pieces, counted whatever the file says: repeated values take no place in it."""
    unpacked = 0
    for batch in source.iter_batches(batch_size=_ROWS, columns=[columns.image, columns.label]):
        unpacked += batch.nbytes
        if unpacked > limits.unpacked_bytes:
            raise UserError(f"the Parquet file unpacks to more than {limits.unpacked_bytes:,} bytes, which is the most")
        yield batch.select([columns.image, columns.label])


def _schema(label: Any, names: tuple[str, ...] | None) -> Any:
    import pyarrow

    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    features = {"info": {"features": {"label": {"names": list(names)}}}} if names else None
    metadata = {"huggingface": json.dumps(features)} if features else None
    return pyarrow.schema([("image", image), ("label", label)], metadata=metadata)


def _encoded(cell: Any) -> bytes:
    value = cell.as_py()
    data = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(data, bytes) or not data:
        raise UserError("a row of the Parquet file has no image: images are encoded, {bytes, path} or bytes")
    return data


def _size(data: bytes, row: int, limits: Limits) -> tuple[int, int]:
    return checked_suffix(io.BytesIO(data), limits.image_pixels, f"the image of row {row}")[1]
