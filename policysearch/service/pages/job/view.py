"""All that the page of a job shows, read at one moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policysearch.reports.numbers import Unit, unit_of
from policysearch.service.job import Change, Job
from policysearch.service.state_folder import JobFolder

_TAIL = 64_000  # bytes of the event log that are looked at for the newest events
_LOG = 8_000  # bytes of the log that are shown
FEED = 30
"""Events that the page shows at first."""


@dataclass(frozen=True)
class NewestEvents:
    """The end of an event log.

    Attributes:
        events: whole events, oldest first.
        after: id of the last of them: the place behind it in the log.
    """

    events: Sequence[Mapping[str, Any]] = ()
    after: int = 0

    @property
    def shown(self) -> Sequence[Mapping[str, Any]]:
        """As many as the page shows at first."""
        return [event for event in self.events if event.get("kind") not in ("progress", "verdict")][-FEED:]

    @property
    def warnings(self) -> list[str]:
        """Different warnings among them."""
        return list(dict.fromkeys(str(e.get("text") or "") for e in self.events if e.get("kind") == "warning"))

    @property
    def in_flight(self) -> list[Mapping[str, Any]]:
        """Pulls that have begun and not ended in the last attempt."""
        begun: dict[Any, Mapping[str, Any]] = {}
        for event in self.events:
            key = (event.get("phase"), event.get("number"))
            if event.get("kind") == "pull_started":
                begun[key] = event
            elif event.get("kind") == "pull_ended":
                begun.pop(key, None)
            elif event.get("kind") in ("attempt", "end"):
                begun.clear()
        return list(begun.values())


@dataclass(frozen=True)
class JobView:
    """A job with what its folder holds.

    Attributes:
        job: its row.
        now: seconds since the epoch.
        live: live.json, what the runner last found; empty before it has.
        newest: the end of its event log.
        log: the end of the log.
        files: names and sizes of files that can be downloaded.
        picture: when the picture of the best policy was made; 0 where there is none.
        position: place in the queue and the reason that it waits.
        note: what keeps it from going on, or empty.
        history: its states.
        may_change: whether the reader may stop, resume, rename or delete it.
    """

    job: Job
    now: float
    live: Mapping[str, Any] = field(default_factory=dict)
    newest: NewestEvents = NewestEvents()
    log: str = ""
    files: Sequence[tuple[str, int]] = ()
    picture: float = 0.0
    position: tuple[int, str] | None = None
    note: str = ""
    history: Sequence[Change] = ()
    may_change: bool = True

    @property
    def title(self) -> str:
        """Its name, or what it is."""
        return self.job.title

    @property
    def reward(self) -> str:
        """What its pulls are worth."""
        return str(self.job.request.get("reward") or "accuracy")

    @property
    def unit(self) -> Unit:
        """How rewards are written."""
        return unit_of(self.reward)


def newest_events(path: Path) -> NewestEvents:
    """The newest whole events of a log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0, size - _TAIL)
            file.seek(start)
            tail = file.read(size - start)
    except OSError:
        return NewestEvents()
    whole, newline, _ = tail.rpartition(b"\n")
    lines = whole.split(b"\n") if newline else []
    if start:
        lines = lines[1:]  # its begin was cut off
    events = [event for row in lines if (event := _event(row)) is not None]
    return NewestEvents(events, start + len(whole) + len(newline))


def _event(row: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(row)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def log_tail(folder: JobFolder) -> str:
    """The last lines of the log."""
    try:
        with folder.log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOG))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= _LOG else text.partition("\n")[2]


def modified(path: Path) -> float:
    """When a file was written last, in seconds since the epoch; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
