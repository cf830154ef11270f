"""Which data may be read as lines of text, and how lines are brought to one size."""

from __future__ import annotations

from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.datasets.parquet import parquet_files
from policysearch.datasets.parquet_columns import CLASS_COLUMNS
from policysearch.datasets.parquet_table import read_schema
from policysearch.datasets.presence import must_exist
from policysearch.datasets.registry import NAMED, SHIPPED
from policysearch.datasets.table_folder import LABELS
from policysearch.datasets.text_lines.line_folder import has_table

SIZE = "32x128"
"""What lines are brought to unless --resize says otherwise, height x width; Shi et al. 2017 have 32x100."""


def line_settings(settings: DataSettings) -> DataSettings:
    """The settings with the size of lines and their treatment of other aspects, where these are not set."""
    changes = {"resize": settings.resize or SIZE}
    if "aspect" not in settings.model_fields_set:
        changes["aspect"] = "line"
    return settings.model_copy(update=changes)


def must_be_of_lines(settings: DataSettings) -> None:
    """Check that data can hold lines of text: they are a folder or Parquet.

    Raises:
        UserError: they are something else, or are not there.
    """
    spec, path = settings.data, Path(settings.data)
    if spec in {*SHIPPED, *NAMED} or path.suffix == ".npz" or (":" in spec and not path.exists()):
        raise UserError(
            f"it has no texts: --task text-lines reads a folder with {LABELS}, or Parquet with the columns image and "
            "text; or text-lines-small, without --resize and --group"
        )
    must_exist(path)
    if not path.is_dir() and not parquet_files(path):
        raise UserError(f"a file of lines is .parquet; images of lines are given as a folder with {LABELS}")


def hint_at_lines(settings: DataSettings) -> str:
    """The end of a message on data that cannot be read with labels: that they look like lines of text, if they do."""
    path = Path(settings.data)
    try:
        lines = settings.data not in {*SHIPPED, *NAMED} and path.exists() and _look_like_lines(path)
    except (UserError, OSError):
        return ""
    return f"; it has texts of lines ({LABELS}, or a column text): give --task text-lines to read them" if lines else ""


def _look_like_lines(path: Path) -> bool:
    """Whether there is a table of texts, or in Parquet a column of texts and none of labels."""
    shards = parquet_files(path)
    if not shards:
        return path.is_dir() and has_table(path)
    names = set(read_schema(shards[0]).names)
    return "text" in names and names.isdisjoint(CLASS_COLUMNS)
