"""The kinds of files that may be uploaded."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from policysearch.core.errors import UserError

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "application/zip": "zip",
        "application/x-npz": "npz",
        "application/vnd.apache.parquet": "parquet",
    }
)
"""Names of formats by the media type of an upload."""

SUFFIXES: Mapping[str, str] = MappingProxyType({f".{name}": media for media, name in FORMATS.items()})
"""Media types by the ending of a file's name, for those who send one."""


def format_of(media_type: str) -> str:
    """The format that a `Content-Type` means; parameters behind a semicolon do not count.

    Raises:
        UserError: none that is taken.
    """
    media = media_type.partition(";")[0].strip().lower()
    if media not in FORMATS:
        raise UserError(f"the Content-Type of data is {', '.join(FORMATS)}, got {media[:80] or 'none'!r}")
    return FORMATS[media]
