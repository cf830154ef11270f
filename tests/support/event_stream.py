"""A client of Server-Sent Events, as a browser is one, and a server for it in a thread of the test's process."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from policysearch.service.serve import PoliteServer
from tests.support.web_client import House

PATIENCE = 30.0
"""Seconds that anything may take; a busy machine is slow."""


@dataclass(frozen=True)
class Event:
    """One event: its kind, its data, and the id that is last when it has come."""

    kind: str
    data: Any
    id: str


class Stream:
    """One connection to a stream of events.

    Args:
        port: of the server, on this machine.
        path: of the stream.
        token: of a user.
        last_id: what a browser sends that comes again.
    """

    def __init__(self, port: int, path: str, token: str, last_id: str = "") -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last_id} if last_id else {})
        self._connection.request("GET", path, headers=headers)
        self._response: HTTPResponse = self._connection.getresponse()
        self.status = self._response.status
        self.headers = self._response.headers
        self.last_id = last_id
        self.retry = 0
        self.comments = 0

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave, as a browser does: without a word."""
        self._response.close()
        self._connection.close()

    def body(self) -> bytes:
        """The whole answer, of one that is no stream."""
        return self._response.read()

    def events(self) -> Iterator[Event]:
        """The events as they come, until the stream ends."""
        kind, data = "message", ""
        for line in self._response:
            text = line.decode().rstrip("\n")
            name, _, value = text.partition(": ")
            if not text:
                if data:
                    yield Event(kind, json.loads(data), self.last_id)
                kind, data = "message", ""
            elif text.startswith(":"):
                self.comments += 1
            elif name == "id":
                self.last_id = value
            elif name == "retry":
                self.retry = int(value)
            elif name == "event":
                kind = value
            elif name == "data":
                data = value

    def until(self, kind: str, count: int = 1) -> list[Event]:
        """The events up to so many of a kind."""
        come: list[Event] = []
        for event in self.events():
            come.append(event)
            if sum(one.kind == kind for one in come) == count:
                return come
        raise AssertionError(f"the stream ended after {come}")


@contextmanager
def served(house: House, port: int = 0) -> Iterator[tuple[PoliteServer, int]]:
    """The house's app on a real port, as `policysearch serve` runs it, in a thread; and the port."""
    listener = socket.create_server(("127.0.0.1", port), backlog=512)
    server = PoliteServer(house.app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield server, listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listener.close()
        assert not thread.is_alive()
