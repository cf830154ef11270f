"""Server-Sent Events as bytes, and folders as zips."""

from __future__ import annotations

import io
import zipfile
from contextlib import contextmanager

import pytest

from policysearch.client.archive import upload_of
from policysearch.client.errors import NotThere, ServiceAway, ServiceFailed
from policysearch.client.event_stream import QUIET, Stream


class Wire:
    """A transport whose connections are bytes, or errors."""

    def __init__(self, *connections):
        self.connections = list(connections)
        self.asked = []

    @contextmanager
    def answer(self, method, path, *, headers, timeout):
        self.asked.append(headers["Last-Event-ID"])
        connection = self.connections.pop(0)
        if isinstance(connection, Exception):
            raise connection
        yield io.BytesIO(connection)


class Enough(Exception):
    pass


def read(*connections, after=0):
    wire = Wire(*connections)
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        if not wire.connections:
            raise Enough

    events = []
    stream = Stream(wire, "/x", after, pause)
    with pytest.raises(Enough):
        for event in stream.events():
            events += [event] if event.kind != QUIET else []
    return events, wire.asked, pauses


def test_events_of_all_forms():
    data = (
        b'retry: 1500\n\n: still here\n\nid: 5\nevent: phase\ndata: {"a":1}\n\n'
        b'event: job\r\ndata: {"state":"done"}\r\n\r\nid: 9\ndata: {}\n\ndata: [1]\n\nid: 12\nevent: half\ndata: {"b"'
    )
    events, _, pauses = read(data)
    assert [(event.id, event.kind, event.fields) for event in events] == [
        (5, "phase", {"a": 1}),
        (0, "job", {"state": "done"}),
        (9, "", {}),
        (0, "", {}),
    ]
    assert pauses == [1.5]


def test_a_stream_goes_on_where_it_was():
    first = b"id: 5\nevent: a\ndata: {}\n\n"
    again = b"id: 5\nevent: a\ndata: {}\n\nid: 8\nevent: b\ndata: {}\n\n"
    events, asked, _ = read(first, ServiceAway("no"), again)
    assert [event.kind for event in events] == ["a", "lost", "b"]
    assert asked == ["0", "5", "5"] and events[1].fields == {"sentence": "no"}


def test_what_is_no_event_and_what_is_not_there():
    with pytest.raises(ServiceFailed):
        read(b"id: 1\ndata: <html>\n\n")
    with pytest.raises(NotThere):
        read(NotThere("gone"))


def test_a_server_cannot_make_a_client_wait_for_long():
    assert read(b"retry: 99999999\n\n", b"")[2] == [10.0, 10.0]


def test_a_folder_is_the_same_zip_whenever_it_is_packed(tmp_path):
    for name in ("b/2.png", "a/1.png", ".hidden/x.png", "a/.DS_Store"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    with upload_of(tmp_path) as (file, kind):
        first = file.read()
    (tmp_path / "a" / "1.png").touch()
    with upload_of(tmp_path) as (file, _):
        assert file.read() == first
    assert kind == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(first)).namelist() == ["a/1.png", "b/2.png"]
