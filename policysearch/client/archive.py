"""A folder of images as one zip, the same bytes whenever it is packed; and what an upload is, by its ending."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO

from policysearch.core.errors import UserError

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".zip": "application/zip",
        ".npz": "application/x-npz",
        ".parquet": "application/vnd.apache.parquet",
    }
)
"""By the ending of a file."""

_MOMENT = (1980, 1, 1, 0, 0, 0)
_PIECE = 1 << 20


@contextmanager
def upload_of(path: Path) -> Iterator[tuple[IO[bytes], str]]:
    """An open file to upload, and its media type; a folder is packed into a temporary zip.

    Args:
        path: a .zip, .npz or .parquet file, or a folder of class folders.

    Raises:
        UserError: there is no such file or folder, or it is of another kind.
    """
    if path.is_dir():
        with tempfile.TemporaryFile(suffix=".zip") as file:
            _pack(path, file)
            file.seek(0)
            yield file, MEDIA_TYPES[".zip"]
        return
    if path.suffix.lower() not in MEDIA_TYPES:
        raise UserError(f"an upload is a folder of images, or a file {', '.join(MEDIA_TYPES)}, got {str(path)!r}")
    try:
        upload = path.open("rb")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    with upload:
        yield upload, MEDIA_TYPES[path.suffix.lower()]


def _pack(folder: Path, file: IO[bytes]) -> None:
    """Pack the files below a folder, in the order of their names and without their times; images are packed already."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for path in _files(folder):
            name = path.relative_to(folder).as_posix()
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while data := source.read(_PIECE):
                    target.write(data)


def _files(folder: Path) -> list[Path]:
    """All files below a folder, those of folders that a link leads to included, but hidden ones not."""
    paths: list[Path] = []
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths += [Path(root, name) for name in names if not name.startswith(".")]
    return sorted(path for path in paths if path.is_file())
