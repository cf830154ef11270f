"""Lines of an event log as Server-Sent Events. The id of an event is the place in the file behind its line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from policysearch.service.runner.event_log import LoggedEvent, tail

MERGED = "progress"
"""An event of this kind says how things are, so that the last of a block is all that is sent."""
LARGEST = 500
"""Events of a block."""


@dataclass(frozen=True)
class Block:
    """A piece of a log, ready to be sent.

    Attributes:
        start: the id of the event before it, or 0.
        end: the id of its last event; equal to `start` where nothing has come.
        data: the events as they are sent.
        merges: whether an event of the kind that is merged is among them.
        full: whether more may follow at once.
    """

    start: int
    end: int
    data: bytes = b""
    merges: bool = False
    full: bool = False


def message(kind: str, data: Any, number: int | None = None) -> bytes:
    """One Server-Sent Event; without a number, the browser keeps the one before.

    Example:
        >>> message("state", {"state": "done"}, 7)
        b'id: 7\\nevent: state\\ndata: {"state":"done"}\\n\\n'
    """
    text = json.dumps(data, separators=(",", ":"))
    return _framed(kind, text.encode(), number)


def read_block(path: Path, start: int, *, merged: bool = True) -> Block:
    """The events of a log from a place on.

    Args:
        path: of the log; one that is not there yet is empty.
        start: the id of the last event that is known, or 0.
        merged: whether an event of the kind that is merged may be sent now; if not, the block ends before the first.
    """
    events, end = tail(path, start, LARGEST)
    full = len(events) == LARGEST
    if not merged and not full:
        first = list(takewhile(lambda event: event.kind != MERGED, events))
        if len(first) < len(events):
            events, end = first, first[-1].id if first else start
    return Block(start, end, _sent(events), any(event.kind == MERGED for event in events), full)


def _sent(events: Sequence[LoggedEvent]) -> bytes:
    """Events as they are sent."""
    last = max((event.id for event in events if event.kind == MERGED), default=None)
    chosen = [event for event in events if event.kind != MERGED or event.id == last]
    return b"".join(_framed(event.kind, event.line, event.id) for event in chosen)


def _framed(kind: str, line: bytes, number: int | None) -> bytes:
    first = b"" if number is None else b"id: %d\n" % number
    name = "".join(letter for letter in kind if letter.isalnum() or letter == "_")
    return b"%bevent: %b\ndata: %b\n\n" % (first, name.encode(), line.replace(b"\r", b""))
