"""The log of a job: its last lines, and its size kept within a limit."""

from __future__ import annotations

import os
from pathlib import Path

_LINES = 50
_END = 64 * 1024


def last_lines(path: Path, lines: int = _LINES) -> str:
    """The last lines of a log; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def keep_within(path: Path, limit: int) -> None:
    """Of a log that has outgrown its limit keep the first half of what is allowed; what comes goes behind it.

    Args:
        path: of a file that is only appended to.
        limit: bytes; 0 for none.
    """
    try:
        if limit and path.stat().st_size > limit:
            os.truncate(path, limit // 2)
    except OSError:
        return
