"""A study's file that another program holds is waited for, however long; nothing is lost, and it is said."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, RDBStorage

from policysearch.core.errors import UserError
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import search
from policysearch.study import patience
from policysearch.study.patience import PatientStorage, patiently
from policysearch.study.storage import StorageLost, losses_in_a_sentence, names_in, open_storage
from tests.support.kills import trials
from tests.support.quick import config_for, quick_metrics


class Holder:
    """Another program that holds a file, until it was waited for seven times: Optuna itself tries some things five."""

    def __init__(self, monkeypatch) -> None:
        self.waits = 0
        monkeypatch.setattr("policysearch.study.patience.time.sleep", self._wait)
        monkeypatch.setattr("policysearch.study.sqlite_file.SECONDS_AT_ONCE", 0.01)
        monkeypatch.setattr(patience, "_SAID_AFTER", 0.0)

    def hold(self, file: Path, how: str = "EXCLUSIVE") -> None:
        self.waits = 0
        self._connection = sqlite3.connect(file, isolation_level=None)
        if how == "reading":
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT * FROM studies").fetchone()
        else:
            self._connection.execute(f"BEGIN {how}")

    def _wait(self, seconds: float) -> None:
        self.waits += 1
        if self.waits == 7:
            self._connection.close()


@pytest.mark.parametrize("how", ["EXCLUSIVE", "IMMEDIATE", "reading"])
def test_a_search_waits_for_its_file_and_loses_nothing(how, quick, tmp_path, monkeypatch, caplog):
    search(config_for(tmp_path / "whole", trials=4, confirm=0))
    holder = Holder(monkeypatch)

    def metrics(trial):
        if trial.number == 2:
            holder.hold(tmp_path / "run" / "study.db", how)
        return quick_metrics(trial)

    monkeypatch.setattr("tests.support.quick.quick_metrics", metrics)
    search(config_for(tmp_path / "run", trials=4, confirm=0))
    assert holder.waits >= 7
    assert trials(tmp_path / "run") == trials(tmp_path / "whole")
    said = [record.getMessage() for record in caplog.records if record.name == "policysearch.study.patience"]
    assert len(said) == 2
    assert said[0].endswith("study.db is held by another program (a dashboard?): waiting for it; nothing is lost")
    assert "study.db is free again after" in said[1]


def test_who_opens_or_reads_a_study_waits_too(quick, tmp_path, monkeypatch):
    run = search(config_for(tmp_path / "run", trials=4, confirm=0))
    file = tmp_path / "run" / "study.db"
    url = f"sqlite:///{file}"
    holder = Holder(monkeypatch)
    for use in (lambda: read(tmp_path / "run"), lambda: names_in(url)):
        holder.hold(file)
        assert use()
        assert holder.waits >= 7
    assert run.policy is not None


def test_every_operation_of_the_storage_waits(tmp_path, monkeypatch):
    """Those of Optuna's interface, whatever its version has, and those that its cache calls."""
    operations = {name for name in vars(BaseStorage) if not name.startswith("_")}
    assert operations <= vars(PatientStorage).keys()
    holder = Holder(monkeypatch)
    with open_storage(f"sqlite:///{tmp_path}/study.db") as storage:
        study = optuna.create_study(storage=storage)
        for step in (study.ask, lambda: study.trials, lambda: study.set_user_attr("a", 1)):
            holder.hold(tmp_path / "study.db")
            step()
            assert holder.waits >= 7
        assert len(study.trials) == 1


def test_other_failures_are_raised_at_once(tmp_path):
    def fails():
        raise sqlite3.OperationalError("no such table: trials")

    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        patiently(fails, tmp_path / "study.db")
    with open_storage(f"sqlite:///{tmp_path}/study.db") as storage, pytest.raises(StorageLost, match="no such table"):
        study = optuna.create_study(storage=storage)
        assert isinstance(storage._backend, RDBStorage)
        with storage._backend.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE study_user_attributes")
        with losses_in_a_sentence(tmp_path):
            study.set_user_attr("a", 1)
    (tmp_path / "damaged.db").write_bytes(b"damaged" * 999)
    with pytest.raises(UserError, match="not a database"):
        names_in(f"sqlite:///{tmp_path}/damaged.db")
