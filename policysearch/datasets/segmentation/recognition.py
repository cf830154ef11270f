"""Which data may be read as images with masks."""

from __future__ import annotations

from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.datasets.config import DataSettings
from policysearch.datasets.parquet import parquet_files
from policysearch.datasets.parquet_columns import CLASS_COLUMNS
from policysearch.datasets.parquet_table import read_schema
from policysearch.datasets.presence import must_exist
from policysearch.datasets.registry import NAMED, SHIPPED
from policysearch.datasets.segmentation.mask_parquet import has_mask_column
from policysearch.datasets.segmentation.mask_pixels import must_have_aspect

_FORMS = (
    "--task segmentation reads a folder with images/ and masks/, Parquet with the columns image and mask, an .npz or a "
    "function with x_train and masks_train"
)


def must_be_of_masks(settings: DataSettings) -> None:
    """Check that data can hold images with masks.

    Raises:
        UserError: they are something else, or are not there; or images are to be treated as lines of text.
    """
    must_have_aspect(settings)
    spec, path = settings.data, Path(settings.data)
    if spec in {*SHIPPED, *NAMED}:
        raise UserError(f"it has no masks: {_FORMS}; or shapes-small, without --resize and --group")
    if ":" in spec and not path.exists():
        return
    must_exist(path)
    if not path.is_dir() and path.suffix not in (".npz", ".parquet"):
        raise UserError(f"a file of images with masks is .npz or .parquet: {_FORMS}")


def hint_at_masks(settings: DataSettings) -> str:
    """The end of a message on data that cannot be read with labels: that they look like masks, if they do."""
    path = Path(settings.data)
    try:
        shards = parquet_files(path) if settings.data not in {*SHIPPED, *NAMED} and path.exists() else []
        schema = read_schema(shards[0]) if shards else None
    except (UserError, OSError):
        return ""
    if schema is None or not has_mask_column(schema) or not {*CLASS_COLUMNS}.isdisjoint(_of_numbers(schema)):
        return ""
    return "; it has a column of masks: give --task segmentation to learn them"


def _of_numbers(schema: object) -> list[str]:
    from pyarrow import types

    return [field.name for field in schema if types.is_integer(field.type)]  # type: ignore[attr-defined]
