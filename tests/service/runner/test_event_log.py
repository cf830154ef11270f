"""The event log: whole lines only, offsets that go on, and what a kill or a full disk leaves."""

from __future__ import annotations

import json
import os

import pytest

from policysearch.service.runner.event_log import tail
from policysearch.service.runner.event_writer import EventLog


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


def numbers(events):
    return [event.fields["number"] for event in events]


def write(path, *values):
    log = EventLog(path, clock=lambda: 12.3456)
    for value in values:
        log.append("pull_ended", number=value)
    log.close()


def test_an_event_is_a_line_with_its_time_and_kind(path):
    write(path, 7)
    assert path.read_text() == '{"t":12.346,"kind":"pull_ended","number":7}\n'


def test_the_id_is_the_offset_behind_the_line(path):
    write(path, 1, 2, 3)
    events, offset = tail(path)
    assert numbers(events) == [1, 2, 3]
    assert offset == events[-1].id == path.stat().st_size
    for k, event in enumerate(events):
        assert numbers(tail(path, event.id)[0]) == [1, 2, 3][k + 1 :]


def test_a_limit_goes_on_where_it_ended(path):
    write(path, *range(10))
    events, offset = tail(path, limit=4)
    assert numbers(events) + numbers(tail(path, offset)[0]) == list(range(10))


@pytest.mark.parametrize("cut", range(1, 43))
def test_a_line_that_was_cut_off_is_passed_over_and_harms_no_other(path, cut):
    write(path, 1, 2)
    os.truncate(path, path.stat().st_size - cut)
    before, offset = tail(path)
    assert numbers(before) == [1]
    write(path, 3)
    events, end = tail(path, offset)
    assert numbers(events) == ([2, 3] if cut == 1 else [3])
    assert end == path.stat().st_size


def test_a_line_that_is_being_written_is_waited_for(path):
    write(path, 1)
    _, offset = tail(path)
    with path.open("ab") as file:
        file.write(b'{"kind":"pull_ended","number"')
        file.flush()
        assert tail(path, offset) == ([], offset)
        file.write(b":2}\n")
    assert numbers(tail(path, offset)[0]) == [2]


def test_an_offset_of_another_log_begins_again_and_one_within_a_line_goes_on_at_the_next(path):
    write(path, 1, 2)
    assert numbers(tail(path, 10_000)[0]) == [1, 2]
    assert numbers(tail(path, 5)[0]) == [2]


def test_a_disk_that_is_full_ends_nothing(path, monkeypatch):
    log = EventLog(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    log.append("pull_ended", number=1)
    monkeypatch.undo()
    log.append("pull_ended", number=2)
    assert numbers(tail(path)[0]) == [2]


def test_what_is_no_json_is_written_all_the_same(path):
    log = EventLog(path)
    log.append("warning", text="a\nb\u2028 \ud800", value=float("nan"), path=path)
    fields = json.loads(path.read_bytes())
    assert fields["text"].startswith("a\nb\u2028") and fields["value"] is None and fields["path"] == str(path)
