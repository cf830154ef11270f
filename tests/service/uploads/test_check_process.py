"""The process of a check: what it may do, and how the server gets rid of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from policysearch.service.data_set import DataState
from policysearch.service.ids import new_id
from policysearch.service.limits import Limits
from policysearch.service.uploads.check_process import Stopped, check
from policysearch.service.uploads.confinement import environment
from tests.support.upload_files import images, zipped
from tests.support.web_client import house

CONFINED = """
import json, os, resource, sys
from policysearch.service.limits import Limits
from policysearch.service.uploads.confinement import confine
confine(Limits(checker_bytes=400_000_000, unpacked_bytes=1_000, upload_bytes=1_000, checker_cpu=7), os.getppid())
said = {"cpu": resource.getrlimit(resource.RLIMIT_CPU)[0], "core": resource.getrlimit(resource.RLIMIT_CORE)[0]}
said["privileges"] = [line for line in open("/proc/self/status") if line.startswith("NoNewPrivs")]
try:
    bytes(500_000_000)
except MemoryError:
    said["memory"] = "refused"
try:
    file = os.open("large", os.O_WRONLY | os.O_CREAT)
    os.write(file, b"x" * 900)
    os.write(file, b"x" * 900)
    os.write(file, b"x" * 900)
except OSError as error:
    said["file"] = error.strerror
said["environment"] = sorted(os.environ)
print(json.dumps(said))
"""


@pytest.fixture
def upload(tmp_path):
    file = tmp_path / "upload"
    file.write_bytes(zipped(images()))
    return file


def test_a_process_that_is_confined(tmp_path):
    # It is a process of its own: what is limited here would stay so.
    run = subprocess.run(
        [sys.executable, "-c", CONFINED], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    assert (said["cpu"], said["core"], said["memory"]) == (7, 0, "refused")
    assert said["file"] == "File too large"
    assert said["privileges"] == ["NoNewPrivs:\t1\n"]
    assert not {"SECRET", "POLICYSEARCH_TOKEN", "PGPASSWORD"} & set(said["environment"])


def test_a_process_whose_server_has_ended_does_nothing(tmp_path):
    code = (
        "from policysearch.service.limits import Limits\n"
        "from policysearch.service.uploads.confinement import confine\n"
        "confine(Limits(), 1)\nprint('at work')"
    )
    run = subprocess.run([sys.executable, "-c", code], env=environment(tmp_path), capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "")


def test_nothing_of_the_servers_environment_is_passed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "secret")
    assert "secret" not in environment(tmp_path).values()


def test_a_check_that_takes_too_long_is_ended(tmp_path, upload):
    report = check(upload, "zip", "x", tmp_path / "c", replace(Limits(), checker_seconds=0.0), threading.Event())
    assert "takes more than 0 s" in report.sentence


def test_a_check_without_memory_is_a_refusal(tmp_path, upload):
    report = check(upload, "zip", "x", tmp_path / "c", replace(Limits(), checker_bytes=60_000_000), threading.Event())
    assert report.sentence


def test_a_server_that_ends_ends_the_check(tmp_path, upload):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        check(upload, "zip", "x", tmp_path / "c", Limits(), stop)


def uploaded(built, data=None, kind="zip"):
    """An upload that waits for its check."""
    service = built.service
    data_id = new_id()
    service.folder.data_set(data_id).mkdir()
    service.upload_checks.upload_of(data_id).write_bytes(zipped(images()) if data is None else data)
    service.data_sets.add("anna", "birds", kind, data_id, 100, 10**9, data_id)
    return data_id


def names(folder):
    return sorted(os.listdir(folder))


def test_good_and_bad_uploads_come_to_rest(tmp_path):
    with house(tmp_path) as built:
        service = built.service
        good, bad = uploaded(built), uploaded(built, b"PK")
        assert service.upload_checks.check_next() and service.upload_checks.check_next()
        assert not service.upload_checks.check_next()

        assert service.data_sets.get(good).state == DataState.READY
        assert names(service.folder.data_set(good)) == [good, "sheet.png"]
        refused = service.data_sets.get(bad)
        assert refused.state == DataState.REFUSED and "no zip file" in refused.reason
        assert names(service.folder.data) == [good]
        assert service.data_sets.path_of(good, None) == str(service.folder.data_set(good) / good)


def test_nothing_of_a_kill_is_left_after_the_next_start(tmp_path):
    """Whatever the moment of the kill, it is one of these states of the disk."""
    with house(tmp_path) as built:
        service, folder = built.service, built.service.folder
        (folder.incoming / "x.part").write_bytes(b"half")
        (folder.incoming / "more").mkdir()
        orphan, gone = new_id(), uploaded(built)
        folder.data_set(orphan).mkdir()
        (folder.data_set(orphan) / "upload").write_bytes(b"no row yet")
        service.upload_checks.upload_of(gone).unlink()
        half, ready, refused = uploaded(built), uploaded(built), uploaded(built)
        (folder.data_set(half) / "check" / "tmp").mkdir(parents=True)
        (folder.data_set(half) / half).mkdir()  # moved, but not booked
        service.data_sets.update(ready, state=DataState.READY)
        (folder.data_set(ready) / "images").mkdir()
        service.data_sets.update(refused, state=DataState.REFUSED, reason="no")

        service.upload_checks.clean()

        assert names(folder.incoming) == []
        assert names(folder.data) == sorted([half, ready])
        assert names(folder.data_set(ready)) == ["images"]
        assert service.data_sets.get(gone).state == DataState.REFUSED
        assert [row.id for row in service.data_sets.to_check()] == [half]
        service.upload_checks.check_next()
        assert names(folder.data_set(half)) == [half, "sheet.png"]


def test_a_data_set_that_is_deleted_while_it_is_checked(tmp_path, monkeypatch):
    with house(tmp_path) as built:
        service = built.service
        data_id = uploaded(built)
        row = service.data_sets.get(data_id)
        monkeypatch.setattr(service.data_sets, "to_check", lambda: [row])
        service.data_sets.remove(data_id)
        service.upload_checks.check_next()
        assert names(service.folder.data) == []


def test_the_thread_checks_what_comes_and_ends(tmp_path):
    with house(tmp_path) as built:
        service = built.service
        checks = service.upload_checks
        checks.start()
        data_id = uploaded(built, b"PK")
        done = threading.Event()
        update = service.data_sets.update

        def updated(*values, **columns):
            row = update(*values, **columns)
            done.set()
            return row

        service.data_sets.update = updated
        checks.poke()
        assert done.wait(60)
        checks.end()
        assert service.data_sets.get(data_id).state == DataState.REFUSED
