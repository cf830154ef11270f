"""Files that are there whole or not at all, and what they hold."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError

_LONGEST_NAME = 255  # bytes, of all common file systems
_PARTIAL = ".partial"
AT_FAULT_OF_THE_FILE_SYSTEM = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENAMETOOLONG}
)
"""Numbers of errors for which the file system, not this program, is at fault."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The path to write to instead; when the block ends well, what it holds takes the place of `path` at once.

    Raises:
        OSError: it cannot be moved there.
    """
    stem = os.fsdecode(os.fsencode(path.name)[: _LONGEST_NAME - len(_PARTIAL)])
    partial = path.with_name(stem + _PARTIAL)
    try:
        yield partial
    except Exception:
        with suppress(OSError):  # a full disk needs the room
            partial.unlink()
        raise
    partial.replace(path)


def write_whole(path: Path, text: str) -> None:
    """Write text as UTF-8, never half of it.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def is_there(path: str | Path) -> bool:
    """Whether there is a file or folder of that path; no file system has one of a name that is too long."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def separated(text: str | None) -> list[str]:
    """The parts of a list that a person separates by commas; empty ones are left out.

    A comma belongs to a path where a file of that path is there, or where a backslash is before it.

    Example:
        >>> separated("my_operations, blur.py")
        ['my_operations', 'blur.py']
        >>> separated("a\\\\,b.py")
        ['a,b.py']
    """
    pieces = [piece.replace("\\,", ",") for piece in re.split(r"(?<!\\),", text or "")]
    parts: list[str] = []
    while pieces:
        lengths = range(len(pieces), 1, -1)
        count = next((n for n in lengths if Path(",".join(pieces[:n]).strip()).is_file()), 1)
        parts.append(",".join(pieces[:count]).strip())
        del pieces[:count]
    return [part for part in parts if part]


def joined(parts: list[str]) -> str:
    """The list as one text, from which `separated` gives the same parts anywhere."""
    return ",".join(part.replace(",", "\\,") for part in parts)


def read_json(path: Path, schema: str) -> dict[str, Any]:
    """Read a JSON file of this program.

    Raises:
        UserError: it is missing, damaged, or of another version than `schema`.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = content["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: {' '.join(str(error).split())}") from None
    if version != schema:
        raise UserError(f"{path} is of version {version!r}, and {schema!r} is read here")
    return content


def must_be_writable(target: Path, force: bool) -> None:
    """Check that a file may be written.

    Raises:
        UserError: the file is there already and `force` is False, or its folder is missing.
    """
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise UserError(f"cannot write {target}: give --out a file in a folder that exists")
    if target.exists() and not force:
        raise UserError(f"{target} exists: --force replaces it, or give another --out")
