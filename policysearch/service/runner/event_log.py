"""The log of a job's events: one JSON object a line, appended by its runner and read by others while it grows.

The id of an event is the byte offset behind its line, so that a reader goes on where it was, whoever was killed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_AT_ONCE = 1 << 20
"""Bytes that are read at a time."""


@dataclass(frozen=True)
class LoggedEvent:
    """One line of an event log.

    Attributes:
        id: the byte offset behind the line.
        fields: "t" (seconds since the epoch), "kind", and what belongs to that kind.
        line: the line as it is in the file, without its end.
    """

    id: int
    fields: dict[str, Any]
    line: bytes

    @property
    def kind(self) -> str:
        return str(self.fields.get("kind", ""))


def tail(path: Path, offset: int = 0, limit: int = 1_000) -> tuple[list[LoggedEvent], int]:
    """Events after an offset.

    Args:
        path: of the log; it need not be there yet.
        offset: the id of the last event that is known, or 0.
        limit: as many at most.

    Returns:
        the events, and the offset to go on from: that behind the last whole line that was looked at.

    Example:
        >>> tail(Path("nowhere"))
        ([], 0)
    """
    events: list[LoggedEvent] = []
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return events, offset
    with file:
        if offset > os.fstat(file.fileno()).st_size:  # of another log
            offset = 0
        file.seek(offset)
        while len(events) < limit:
            line = file.readline(_AT_ONCE)
            if not line.endswith(b"\n"):
                break
            offset += len(line)
            fields = _fields(line)
            if fields is not None:
                events.append(LoggedEvent(offset, fields, line[:-1]))
    return events, offset


def _fields(line: bytes) -> dict[str, Any] | None:
    """What a line holds, or None for one that was cut off."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None
