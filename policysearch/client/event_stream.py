"""Server-Sent Events of a job, read line by line; a stream that breaks is taken up where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from policysearch.client.errors import ServiceAway, ServiceFailed, TooMany
from policysearch.client.http import Transport

LOST = "lost"
"""The kind of the event that says that the connection is lost; it comes from the client, not from the service."""
QUIET = "quiet"
"""The kind of what is no event: nothing happened for a while, and the connection is there."""
SILENCE = 45.0
"""Seconds without a byte after which a stream is taken for dead: the service sends one every 15."""
_LONGEST_RETRY = 10.0


@dataclass(frozen=True)
class Event:
    """Something that happened to a job.

    Attributes:
        id: the place behind it in the job's log; 0 for what is in no log.
        kind: "phase", "progress", "pull_started", "pull_ended", "retry", "warning", "verdict", "attempt" or "end", as
            the job's process wrote it; "job" for a change of the job itself; "lost" while the service is away.
        fields: what belongs to that kind.
    """

    id: int
    kind: str
    fields: dict[str, Any]


class Stream:
    """The events of a job, as often as the connection breaks without a gap and none twice.

    Args:
        transport: reaches the service.
        path: of the stream, below the API's.
        pause: waits for seconds; it may raise, to end.
        patience: gives the seconds that a connection may be silent.
        after: the id of the last event that is known.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        after: int = 0,
        pause: Callable[[float], object] = time.sleep,
        patience: Callable[[], float] = lambda: SILENCE,
    ) -> None:
        self._transport = transport
        self._path = path
        self._pause = pause
        self._patience = patience
        self._retry = 1.0
        self.last = after

    def events(self) -> Iterator[Event]:
        """All events from now on, without end, and `QUIET` now and then.

        Raises:
            UserError, RunFailed: a class of `errors`, by what the service said when the stream was asked for; but not
                that it is away, which is waited for.
        """
        while True:
            try:
                yield from self._connected()
            except (ServiceAway, TooMany) as error:
                yield Event(0, LOST, {"sentence": str(error)})
            self._pause(self._retry)

    def _connected(self) -> Iterator[Event]:
        """The events of one connection."""
        # The header is what browsers send, and what a proxy passes on.
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.last)}
        with self._transport.answer("GET", self._path, headers=headers, timeout=self._patience()) as response:
            for lines in _blocks(response):
                yield self._event(lines) or Event(0, QUIET, {})

    def _event(self, lines: list[str]) -> Event | None:
        """The event of some lines; None for a comment, or one that came before."""
        values: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            values[name] = value.removeprefix(" ")
        if values.get("retry", "").isdecimal():
            self._retry = min(int(values["retry"]) / 1000, _LONGEST_RETRY)
        number = int(values["id"]) if values.get("id", "").isdecimal() else 0
        if "data" not in values or (number and number <= self.last):
            return None
        self.last = max(self.last, number)
        try:
            fields = json.loads(values["data"])
        except ValueError:
            raise ServiceFailed("an event of the service is no JSON") from None
        return Event(number, values.get("event", ""), fields if isinstance(fields, dict) else {})


def _blocks(lines: Iterable[bytes]) -> Iterator[list[str]]:
    """The lines of each event, as an empty line ends it."""
    block: list[str] = []
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text:
            block.append(text)
        else:
            yield block
            block = []
