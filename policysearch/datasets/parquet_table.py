"""Reading of Parquet: only the columns that are needed, and no more bytes than images can have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError
from policysearch.datasets.limits import must_fit

_ROWS = 256
"""At a time: repeated values, which take no place in the file, are counted before they fill the memory."""


def read_schema(file: Path) -> Any:
    """Arrow's schema of a file.

    Raises:
        UserError: it cannot be read.
    """
    from pyarrow import parquet

    with failing_in_a_sentence(file), file.open("rb") as opened:
        return parquet.read_schema(opened)


def read_table(file: Path, columns: Sequence[str]) -> Any:
    """Some columns of a file, as an Arrow table.

    Args:
        file: the file.
        columns: names of columns that it has.

    Raises:
        UserError: it cannot be read, or has more bytes than images can have.
    """
    import pyarrow
    from pyarrow import parquet

    packed = file.stat().st_size
    unpacked = 0
    batches = []
    # Arrow takes a path as a URI (a:b.parquet) or as a partition (label=3/a.parquet); an open file is only read.
    with failing_in_a_sentence(file), file.open("rb") as opened, parquet.ParquetFile(opened) as source:
        must_fit(_unpacked(source.metadata, columns), packed, f"{file} is")
        for batch in source.iter_batches(batch_size=_ROWS, columns=list(columns)):
            unpacked += batch.nbytes
            must_fit(unpacked, packed, f"{file} is")
            batches.append(batch)
        schema = batches[0].schema if batches else source.schema_arrow
    return pyarrow.Table.from_batches(batches, schema)


def _unpacked(metadata: Any, columns: Sequence[str]) -> int:
    """Bytes of some columns as the file says: what is repeated counts once."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
    return sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] in columns)


@contextmanager
def failing_in_a_sentence(file: Path) -> Iterator[None]:
    """What Arrow raises in this block, as one sentence.

    Args:
        file: that is read, for the sentence.

    Raises:
        UserError: Arrow cannot read it.
    """
    from pyarrow import ArrowException

    try:
        yield
    except UserError:
        raise
    except (ArrowException, OSError, ValueError, KeyError, IndexError) as error:  # Arrow's own are several of these
        raise UserError(f"cannot read {file}: {' '.join(str(error).split())[:200]}") from None
