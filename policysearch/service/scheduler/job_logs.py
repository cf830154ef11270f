"""Following the event logs of jobs at work: their progress for the list, and their pulls for restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from policysearch.service.runner.event_log import LoggedEvent, tail
from policysearch.service.state_folder import JobFolder

_AT_ONCE = 10_000


@dataclass(frozen=True)
class Followed:
    """What a job's event log says.

    Attributes:
        offset: as far it has been read, in bytes.
        attempt: the last one that has begun.
        pulls: that have ended in that attempt.
        time: of the last event, seconds since the epoch; 0 where there is none.
        progress: the fields of the last progress event.
    """

    offset: int = 0
    attempt: str = ""
    pulls: int = 0
    time: float = 0.0
    progress: Mapping[str, Any] = field(default_factory=dict)


def follow(folder: JobFolder, state: Followed) -> Followed:
    """Read on in a job's event log."""
    while True:
        events, offset = tail(folder.events, state.offset, _AT_ONCE)
        for event in events:
            state = _after(state, event)
        state = replace(state, offset=offset)
        if len(events) < _AT_ONCE:
            return state


def _after(state: Followed, event: LoggedEvent) -> Followed:
    fields = event.fields
    state = replace(state, time=float(fields.get("t", state.time)))
    match event.kind:
        case "attempt":
            return replace(state, attempt=str(fields.get("attempt", "")), pulls=0)
        case "pull_ended":
            return replace(state, pulls=state.pulls + 1)
        case "progress":
            progress = {name: value for name, value in fields.items() if name not in ("t", "kind")}
            return replace(state, progress=progress)
    return state
