"""Live events: in order, without gap or double whoever is killed, merged, limited, and with a farewell."""

from __future__ import annotations

import json
import logging
import threading
import time

import pytest

from policysearch.service.job import State
from policysearch.service.runner.event_writer import EventLog
from policysearch.service.web import streams
from policysearch.service.web.app import create_app
from policysearch.service.web.event_lines import read_block
from tests.support.event_stream import PATIENCE, Stream, served
from tests.support.web_client import house, limited


@pytest.fixture
def web(tmp_path):
    with house(tmp_path / "state") as built:
        yield built


class Runner:
    """A job at work, and the log that its runner would write."""

    def __init__(self, web) -> None:
        self.web = web
        self.job = web.job("anna", State.RUNNING)
        self.log = EventLog(web.service.folder.job(self.job.id).events)
        self.path = f"/api/v1/searches/{self.job.id}/events"
        self.count = 0

    def pulls(self, count: int) -> None:
        for _ in range(count):
            self.log.append("pull_ended", number=self.count)
            self.count += 1

    def stream(self, port: int, user: str = "anna", **more) -> Stream:
        return Stream(port, self.path, self.web.tokens[user], **more)


@pytest.fixture
def runner(web):
    runner = Runner(web)
    yield runner
    runner.log.close()


def numbers(events) -> list[int]:
    return [event.data["number"] for event in events if event.kind == "pull_ended"]


def test_what_was_comes_first_then_what_comes(web, runner):
    runner.pulls(3)
    with served(web) as (_, port), runner.stream(port) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        first = stream.until("pull_ended", 3)
        assert (first[0].kind, first[0].data["state"], first[0].id) == ("job", "running", "")
        assert 500 <= stream.retry <= 4000
        runner.pulls(2)
        assert numbers(first) + numbers(stream.until("pull_ended", 2)) == [0, 1, 2, 3, 4]


def test_a_job_that_has_written_nothing_yet_is_waited_for(web, runner):
    web.service.folder.job(runner.job.id).events.unlink()
    with served(web) as (_, port), runner.stream(port) as stream:
        stream.until("job")
        EventLog(web.service.folder.job(runner.job.id).events).append("phase", phase="checking")
        assert stream.until("phase")[-1].data["phase"] == "checking"


def test_every_event_comes_once_across_restarts_of_the_server(web, runner):
    come, last, stop = [], "", threading.Event()

    def work() -> None:
        while not stop.is_set():
            runner.pulls(1)
            time.sleep(0.002)

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(4):
        with served(web) as (server, port), runner.stream(port, last_id=last) as stream:
            come += stream.until("pull_ended", 20)
            server.force_exit = server.should_exit = True  # without a farewell
            last = stream.last_id
        web.app = create_app(web.service)
    stop.set()
    thread.join()
    with served(web) as (_, port), runner.stream(port, last_id=last) as stream:
        come += stream.until("pull_ended", runner.count - len(numbers(come)))
    assert numbers(come) == list(range(runner.count))


def test_a_stream_that_starts_one_byte_off_is_noticed(runner):
    runner.pulls(3)
    path = runner.web.service.folder.job(runner.job.id).events
    first_line = path.read_bytes().index(b"\n") + 1
    whole, damaged = read_block(path, first_line), read_block(path, first_line + 1)
    assert (whole.data.count(b"event: "), damaged.data.count(b"event: ")) == (2, 1)


@pytest.mark.parametrize("place", ["query", "header", "both"])
def test_a_watcher_goes_on_where_it_was(web, runner, place):
    runner.pulls(5)
    path = web.service.folder.job(runner.job.id).events
    after = len(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
    query = {"query": f"?after={after}", "header": "", "both": "?after=0"}[place]
    with served(web) as (_, port):
        last_id = "" if place == "query" else str(after)
        with Stream(port, runner.path + query, web.tokens["anna"], last_id) as stream:
            assert numbers(stream.until("pull_ended", 2)) == [3, 4]


def test_progress_is_merged_to_two_a_second_and_the_last_one_comes(web, runner):
    with served(web) as (_, port), runner.stream(port) as stream:
        stream.until("job")
        begin = time.monotonic()
        for done in range(300):
            runner.log.append("progress", done=done)
            time.sleep(0.005)
        runner.pulls(1)
        events = stream.until("pull_ended")
        done = [event.data["done"] for event in events if event.kind == "progress"]
        assert done == sorted(set(done))
        assert done[-1] == 299
        assert len(done) <= 2 * (time.monotonic() - begin) + 2


def test_changes_of_the_job_come_without_an_id(web, runner):
    runner.pulls(1)
    with served(web) as (_, port), runner.stream(port) as stream:
        place = stream.until("pull_ended")[-1].id
        web.service.jobs.enter(runner.job.id, State.CANCELLING, "as its owner wants")
        change = stream.until("job")[-1]
        assert (change.data["state"], change.data["reason"], change.id) == ("cancelling", "as its owner wants", place)


def test_the_stream_of_a_deleted_job_ends(web):
    job = web.job("anna", State.DONE)
    with served(web) as (_, port), Stream(port, f"/api/v1/searches/{job.id}/events", web.tokens["anna"]) as stream:
        stream.until("job")
        web.service.jobs.enter(job.id, State.DELETING)
        assert [event.kind for event in stream.events()] == ["job", "bye"]


def test_the_list_has_ones_own_jobs_and_shared_ones(web):
    with served(web) as (_, port), Stream(port, "/api/v1/events?after=0", web.tokens["ben"]) as stream:
        hidden, own, shared = web.job("anna"), web.job("ben"), web.job("anna")
        web.service.jobs.describe(shared.id, shared=True)
        web.service.jobs.describe(own.id, name="last")
        seen = []
        for event in stream.events():
            seen.append(event.data["id"])
            if event.data["name"] == "last":
                break
        assert hidden.id not in seen and {own.id, shared.id} <= set(seen)
    with served_again(web) as (_, port), Stream(port, "/api/v1/events", web.tokens["ben"], stream.last_id) as again:
        web.service.jobs.describe(shared.id, name="later")
        assert next(again.events()).data["name"] == "later"


def served_again(web):
    web.app = create_app(web.service)
    return served(web)


def test_after_a_break_the_list_has_what_changed_meanwhile(web):
    job = web.job("anna")
    revision = web.service.jobs.revision()
    web.service.jobs.describe(job.id, name="changed")
    with served(web) as (_, port), Stream(port, "/api/v1/events", web.tokens["anna"], str(revision)) as stream:
        event = stream.until("job")[-1]
        assert (event.data["name"], int(event.id)) == ("changed", web.service.jobs.revision())


def test_the_201st_stream_is_too_many(tmp_path):
    with house(tmp_path / "state", limited(streams=3, user_streams=2)) as web, served(web) as (_, port):
        kept = [Stream(port, "/api/v1/events", web.tokens[user]) for user in ("anna", "anna", "ben")]
        assert [stream.status for stream in kept] == [200, 200, 200]
        for user, sentence in (("anna", "you have 2 live pages"), ("ben", "3 live pages are open")):
            with Stream(port, "/api/v1/events", web.tokens[user]) as more:
                assert more.status == 429
                assert sentence in json.loads(more.body())["message"]
        kept[0].close()
        deadline = time.monotonic() + PATIENCE
        while True:
            with Stream(port, "/api/v1/events", web.tokens["ben"]) as more:
                if more.status == 200 or time.monotonic() > deadline:
                    break
            time.sleep(0.05)
        assert more.status == 200
        for stream in kept:
            stream.close()


def test_watchers_who_leave_leave_nothing(web, runner, caplog):
    caplog.set_level(logging.WARNING)
    hub = web.app.state.streams
    with served(web) as (_, port):
        for _ in range(3):
            watchers = [runner.stream(port) for _ in range(10)]
            runner.pulls(50)
            for stream in watchers:
                stream.close()
        deadline = time.monotonic() + PATIENCE
        while hub.count and time.monotonic() < deadline:
            runner.pulls(1)
            time.sleep(0.05)
        assert (hub.count, hub._feeds, hub._following) == (0, {}, None)
    assert [record.getMessage() for record in caplog.records] == []


def test_silence_is_broken_by_a_comment(web, runner, monkeypatch):
    monkeypatch.setattr(streams, "_SILENCE", 0.1)
    with served(web) as (_, port), runner.stream(port) as stream:
        stream.until("job")
        time.sleep(0.5)
        runner.pulls(1)
        stream.until("pull_ended")
        assert stream.comments >= 1


def test_a_stream_ends_after_a_while_so_that_rights_are_looked_at_again(web, runner, monkeypatch):
    monkeypatch.setattr(streams, "_OLDEST", 0.2)
    monkeypatch.setattr(streams, "_SILENCE", 0.1)
    with served(web) as (_, port), runner.stream(port) as stream:
        assert "bye" not in [event.kind for event in stream.events()]


def test_fifty_watchers_get_a_farewell(web, runner):
    with served(web) as (server, port):
        watchers = [runner.stream(port) for _ in range(50)]
        for stream in watchers:
            stream.until("job")
        server.should_exit = True
        for stream in watchers:
            assert [event.kind for event in stream.events()] == ["bye"]
            stream.close()
    assert len({stream.retry for stream in watchers}) > 40
