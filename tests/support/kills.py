"""Searches killed at a given write or stopped in their own process, and what they left."""

from __future__ import annotations

import csv
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

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


def completed(database: Path) -> int:
    """Finished trials, read without a trace and fast enough to catch a short search at work."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT COUNT(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0]
    except sqlite3.OperationalError:  # not written yet, or being written
        return 0
