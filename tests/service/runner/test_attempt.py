"""One attempt without its search: how each way to end is recorded, and what is written besides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from types import ModuleType

import pytest

from policysearch.core.errors import SearchFailed, UserError
from policysearch.service.runner.__main__ import main
from policysearch.service.runner.attempt import run_attempt
from policysearch.service.runner.event_log import tail
from policysearch.service.runner.exit_record import ExitRecord, read_check, read_exit, room_for_a_record, write_record
from policysearch.service.runner.identity import (
    Identity,
    boot_id,
    is_locked,
    lock,
    members,
    own_identity,
    read_identity,
    start_time,
)
from policysearch.service.runner.log_file import keep_within, last_lines
from policysearch.service.runner.stopped import Stopped
from policysearch.service.state_folder import JobFolder


@pytest.fixture
def folder(tmp_path):
    folder = JobFolder(tmp_path / "job")
    folder.path.mkdir()
    folder.job.write_text(json.dumps({"kind": "search", "attempt": "1", "settings": {}, "changes": {}}))
    folder.log.write_text("".join(f"line {k}\n" for k in range(80)))
    return folder


@pytest.fixture
def attempt(folder, monkeypatch):
    """Run an attempt whose work is a function, instead of a search."""

    def run(function):
        module = ModuleType("policysearch.service.runner.work")
        module.work = lambda *_: function()
        monkeypatch.setitem(sys.modules, module.__name__, module)
        assert run_attempt(folder, "1") == 0
        record = read_exit(folder.exit, "1")
        assert record is not None
        return record

    return run


def failing(error):
    def work():
        raise error

    return work


def test_an_end_is_written_last_and_with_its_sentence(attempt, folder):
    record = attempt(lambda: "a wins")
    assert record == ExitRecord("1", "done", sentence="a wins")
    events = [event.fields for event in tail(folder.events)[0]]
    assert [event["kind"] for event in events] == ["attempt", "phase", "end"]
    assert events[0]["resumed"] is False and events[1]["phase"] == "checking"
    assert not folder.exit.with_name("exit.json.reserve").exists()


@pytest.mark.parametrize(("error", "end"), [(Stopped(), "stopped"), (KeyboardInterrupt(), "cancelled")])
def test_ends_that_were_wanted(attempt, error, end):
    record = attempt(failing(error))
    assert (record.end, record.code) == (end, "")


def test_a_mistake_names_its_setting_and_no_path_of_the_server(attempt, folder):
    record = attempt(failing(UserError(f"--images 9 is too few for {folder.run}/x.csv")))
    assert (record.end, record.code, record.field) == ("failed", "UserError", "images")
    assert record.sentence == "--images 9 is too few for x.csv"
    assert record.log.splitlines() == [f"line {k}" for k in range(30, 80)]
    assert not record.place_at_fault


def test_a_device_that_is_not_there_is_the_places_fault(attempt):
    assert attempt(failing(UserError("--device cuda: this machine has none"))).place_at_fault
    assert not attempt(failing(SearchFailed("every arm failed"))).place_at_fault


def test_an_error_of_the_program_is_recorded_with_its_class(attempt, capfd):
    record = attempt(failing(ZeroDivisionError("division by zero")))
    assert (record.end, record.code, record.sentence) == (
        "failed",
        "ZeroDivisionError",
        "ZeroDivisionError: division by zero",
    )
    assert "Traceback" in capfd.readouterr().err


def test_warnings_are_events_once(attempt, folder):
    def work():
        for _ in range(2):
            warnings.warn(f"odd data in {folder.path}/x", stacklevel=1)
        return ""

    with pytest.warns(UserWarning, match="odd data"):
        attempt(work)
    texts = [event.fields["text"] for event in tail(folder.events)[0] if event.kind == "warning"]
    assert texts == ["odd data in x"]


def test_an_attempt_that_comes_too_late_changes_nothing(folder):
    assert run_attempt(folder, "0") == 75
    assert not folder.events.exists()


def test_a_second_runner_leaves_with_75(folder, monkeypatch):
    monkeypatch.setattr("policysearch.service.runner.identity._PATIENCE", 0.0)
    with lock(folder.lock) as held:
        assert held and is_locked(folder.lock)
        assert main(folder, "1") == 75
    assert not is_locked(folder.lock)
    assert not folder.runner.exists()


def test_files_that_cannot_be_written_are_said_to_be(folder, capsys):
    folder.job.unlink()
    assert main(folder, "1") == 74
    assert "cannot write in" in capsys.readouterr().err
    identity = read_identity(folder.runner)
    assert identity is not None and identity.pid == os.getpid()


def test_there_is_room_for_a_record_on_a_disk_that_has_become_full(tmp_path):
    path = tmp_path / "exit.json"
    with room_for_a_record(path):
        assert (tmp_path / "exit.json.reserve").stat().st_size == 65_536
    write_record(path, ExitRecord("1", "done"))
    assert [p.name for p in tmp_path.iterdir()] == ["exit.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"attempt": "2", "end": "done"}', '{"attempt": "1", "end": "x"}'])
def test_a_record_of_another_attempt_or_a_broken_one_is_none(tmp_path, text):
    path = tmp_path / "exit.json"
    path.write_text(text)
    assert read_exit(path, "1") is None and read_check(path) is None


def test_a_process_is_known_by_more_than_its_pid():
    own = own_identity("1")
    assert (own.pid, own.start, own.boot) == (os.getpid(), start_time(os.getpid()), boot_id())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    identity = Identity("1", child.pid, start_time(child.pid) or 0, boot_id())
    try:
        assert members(identity, "X=1") == [child.pid]
        assert members(Identity("1", child.pid, identity.start - 1, identity.boot), "X=1") == []
        assert members(Identity("1", child.pid, identity.start, "another boot"), "X=1") == []
    finally:
        child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(child.pid) is None and members(identity, "X=1") == []  # a zombie holds nothing
    child.communicate()


def test_processes_whose_runner_has_ended_are_known_by_their_mark(tmp_path):
    script = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'input()']); print(flush=True); input()"
    pipe = subprocess.PIPE
    environment = {**os.environ, "POLICYSEARCH_JOB": "x:1"}
    command = [sys.executable, "-c", script]
    runner = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True, env=environment)
    identity = Identity("1", runner.pid, start_time(runner.pid) or 0, boot_id())
    assert runner.stdout is not None and runner.stdin is not None
    runner.stdout.readline()
    assert len(members(identity, "POLICYSEARCH_JOB=x:1")) == 2
    runner.kill()
    runner.wait()
    (child,) = members(identity, "POLICYSEARCH_JOB=x:1")
    assert members(identity, "POLICYSEARCH_JOB=x:2") == []
    os.kill(child, 9)
    runner.stdin.close()
    runner.stdout.close()


def test_a_log_keeps_its_beginning_and_its_end(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("".join(f"{k}\n" for k in range(1000)))
    keep_within(path, 0)
    assert path.stat().st_size == 3890
    keep_within(path, 1000)
    assert path.stat().st_size == 500 and path.read_text().startswith("0\n1\n")
    assert last_lines(tmp_path / "none") == ""
