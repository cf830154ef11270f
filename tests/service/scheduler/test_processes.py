"""Processes of this machine: their environment, their session, and what is seen of them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from policysearch.service.runner.identity import Identity
from policysearch.service.scheduler.places import Place, local_place, most_workers, place_of
from policysearch.service.scheduler.processes import SystemProcesses
from policysearch.service.state_folder import JobFolder, StateFolder


@pytest.fixture
def folder(tmp_path):
    folder = JobFolder(tmp_path / "job")
    folder.path.mkdir()
    return folder


@pytest.fixture
def processes(tmp_path):
    return SystemProcesses(StateFolder(tmp_path))


def wait(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_runner_sees_nothing_of_the_servers_environment_but_what_it_needs(processes, folder, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "secret")
    environment = processes._clean(folder, "1", {"CUDA_VISIBLE_DEVICES": "GPU-1"})
    assert "secret" not in environment.values()
    assert environment["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    assert environment["HOME"] == str(folder.path)
    assert environment["POLICYSEARCH_JOB"] == "job:1"


def test_the_operators_own_cache_is_used(processes, folder, monkeypatch):
    monkeypatch.delenv("POLICYSEARCH_CACHE", raising=False)
    assert processes._clean(folder, "1", {})["POLICYSEARCH_CACHE"] == str(folder.path.parent / "cache" / "data")
    monkeypatch.setenv("POLICYSEARCH_CACHE", "/mine")
    assert processes._clean(folder, "1", {})["POLICYSEARCH_CACHE"] == "/mine"


def test_a_runner_is_seen_from_its_start_to_its_end(processes, folder, tmp_path):
    assert processes.see(folder, "1").gone
    processes.start(folder, "1", {})
    sight = processes.see(folder, "1")
    assert (sight.launch, sight.processes, sight.code) == (True, 1, None)
    wait(lambda: processes.see(folder, "1").code is not None or processes.see(folder, "1").gone)
    assert "cannot write in" in folder.log.read_text()  # there is no job.json
    other = SystemProcesses(StateFolder(tmp_path))
    wait(lambda: other.see(folder, "1").gone)
    assert other.see(folder, "1").identity and not other.see(folder, "2").identity


def test_a_process_that_has_not_begun_is_killed_too(processes, folder):
    processes.start(folder, "1", {})
    processes.signal(folder, signal.SIGKILL)
    wait(lambda: processes.see(folder, "1").gone)


def test_a_runner_that_begins_while_it_is_looked_at_is_not_taken_for_dead(processes, folder, monkeypatch):
    """It locks its folder and then writes its identity, both between the two looks of a busy server."""
    looks = []

    def has_begun() -> bool:
        looks.append("look")
        return len(looks) > 1

    identity = Identity("1", os.getpid(), 1, "boot")
    monkeypatch.setattr("policysearch.service.scheduler.processes.is_locked", lambda path: has_begun())
    monkeypatch.setattr(
        "policysearch.service.scheduler.processes.read_identity", lambda path: identity if has_begun() else None
    )
    sight = processes.see(folder, "1")
    assert sight.lock and not sight.gone


def test_places_as_operators_write_them():
    assert place_of("local-cpu=3") == Place("local-cpu", 3)
    assert place_of("local-cpu") == local_place()
    assert place_of("gpu:GPU-1") == Place("gpu:GPU-1", 2, jobs=1, gpu="GPU-1")
    assert place_of("gpu:0=4").slots == 4
    assert most_workers([place_of("local-cpu=3"), place_of("ray:lab=10.0.0.5:6379,16")]) == 16
    assert local_place().slots >= 1


@pytest.mark.parametrize(
    "text", ["moon", "gpu:", "gpu:0=x", "local-cpu=0", "ray:lab", "ray:lab=auto", "ray:=auto,2", ""]
)
def test_what_is_no_place_is_refused(text):
    with pytest.raises(ValueError, match=r"a place must be|must be from 1 to 1024"):
        place_of(text)


def test_a_ray_place_finds_the_token_of_the_servers_account(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    place = place_of("ray:lab=auto,2")
    assert "RAY_AUTH_TOKEN_PATH" not in place.environment()
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("x")
    assert place.environment()["RAY_AUTH_TOKEN_PATH"] == str(tmp_path / ".ray" / "auth_token")
    assert place.settings() == {"pool": "ray", "ray_address": "auto"}
