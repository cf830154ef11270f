"""Opening files below a folder, so that neither a link nor a text of a request leads out of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_below(folder: Path, parts: Sequence[str]) -> int | None:
    """Open a file for reading.

    Args:
        folder: where it is.
        parts: names of folders and of the file, from a table of this program.

    Returns:
        A descriptor, which the caller closes; None where there is no such regular file, or one part is a link.
    """
    opened: list[int] = []
    try:
        opened.append(os.open(folder, _FOLDER))
        for name in parts[:-1]:
            opened.append(os.open(name, _FOLDER, dir_fd=opened[-1]))
        file = os.open(parts[-1], _FILE, dir_fd=opened[-1])
    except OSError:
        return None
    finally:
        for descriptor in opened:
            os.close(descriptor)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    return file


def read_below(folder: Path, parts: Sequence[str], start: int, most: int) -> bytes | None:
    """At most so many bytes of a file, from a place on; None where there is no such file, as for `open_below`."""
    file = open_below(folder, parts)
    if file is None:
        return None
    try:
        return os.pread(file, most, start)
    finally:
        os.close(file)
