"""Searches killed at a given write or stopped in their own process, and what they left."""

from __future__ import annotations

import csv
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psutil
from optuna.storages import RDBStorage

from policysearch.study.quick_storage import QuickStorage

WRITES = (
    "create_new_study",
    "set_study_system_attr",
    "set_trial_system_attr",
    "create_new_trial",
    "set_trial_param",
    "set_trial_user_attr",
    "set_trial_state_values",
    "set_study_user_attr",
)


class Killed(BaseException):
    """Passes every handler, as a kill does."""


def trials(folder: Path) -> list[tuple]:
    with (folder / "trials.csv").open() as file:
        return [
            tuple(row[c] for c in ("phase", "number", "arm", "replicate", "seed", "state", "reward"))
            for row in csv.DictReader(file)
        ]


def kill_at(monkeypatch, count: int) -> None:
    """From now on the `count`-th write to the storage is the last."""
    left = [count]
    for storage, name in [*((RDBStorage, name) for name in WRITES), (QuickStorage, "set_trial_curves")]:
        original = getattr(storage, name)

        def wrapped(self, *args, original=original, **kwargs):
            left[0] -= 1
            result = original(self, *args, **kwargs)
            if left[0] == 0:
                raise Killed
            return result

        monkeypatch.setattr(storage, name, wrapped)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "policysearch", *words]


def search_at_work(folder: Path, finished: int, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """A real search in its own process, with at least so many finished trials."""
    process = subprocess.Popen(
        start_new_session=True,
        args=command("search", *words, "--out", str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
        if completed(folder / "study.db") >= finished:
            return process
    raise AssertionError(process.communicate())


def kill_whole(process: subprocess.Popen[bytes]) -> None:
    """`kill -9` of a search's controller; its workers end by themselves."""
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not psutil.wait_procs(workers, timeout=60)[1]


def completed(database: Path) -> int:
    """Finished trials, read without a trace and fast enough to catch a short search at work."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT COUNT(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0]
    except sqlite3.OperationalError:  # not written yet, or being written
        return 0
