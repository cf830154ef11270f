"""Every character that a file system takes works in every path and name."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import optuna
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from policysearch.core.errors import UserError
from policysearch.core.files import joined, separated
from policysearch.core.user_code import absolute
from policysearch.datasets.load import load
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.search.tracking.addresses import without_user
from policysearch.study.sqlite_file import sqlite_file
from policysearch.study.storage import names_in, open_storage
from tests.support.kills import trials
from tests.support.quick import config_for, write_npz

NAMES = ["what?now", "100%best", "a%20b", "a#b", "two words", 'it\'s "it"', "{x}", "a:b", "x=1", "[b]$a$", "new\nline"]
ALL = "".join(NAMES)
SMALL = {"trials": 2, "confirm": 0}


@pytest.fixture
def here(tmp_path: Path, monkeypatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_a_storage_of_any_name_is_that_file_and_no_other(name, here):
    url = f"sqlite:///{here}/{name}"
    with open_storage(url) as storage:
        optuna.create_study(storage=storage, study_name=name)
    assert [path.name for path in here.iterdir()] == [name]
    assert names_in(url) == {name}


def test_a_run_of_any_name_keeps_its_study_in_its_folder(quick, here):
    search(config_for(Path(ALL), **SMALL))
    assert [path.name for path in here.iterdir()] == [ALL]
    assert (here / ALL / "study.db").stat().st_size > 0

    resume(ALL, trials=3)
    assert len(read(here / ALL).summaries) == 3

    with pytest.raises(UserError) as refusal:
        search(config_for(Path(ALL), **SMALL))
    assert shlex.join(["policysearch", "resume", ALL]) in str(refusal.value)


def test_a_run_goes_on_in_a_storage_of_any_name(quick, here):
    url = f"sqlite:///{ALL}.db"
    search(config_for(Path("run"), storage=url, study=ALL, **SMALL))
    assert {path.name for path in here.iterdir()} == {"run", f"{ALL}.db"}

    resume("run", trials=3)
    assert sum(row[0] == "search" for row in trials(here / "run")) == 3
    with pytest.raises(UserError, match="already holds a study named"):
        search(config_for(Path("other"), storage=url, study=ALL))


def test_options_behind_a_file_of_sqlite_are_refused():
    assert sqlite_file("sqlite:///what?now=x/study.db") == Path("what?now=x/study.db")
    with pytest.raises(UserError, match=r"no options such as \?timeout=60: leave it out"):
        sqlite_file("sqlite:///study.db?timeout=60")


def test_looking_into_a_storage_makes_no_file(here):
    assert names_in("sqlite:///new.db") == frozenset()
    assert not any(here.iterdir())
    with pytest.raises(UserError, match="no folder that can be written"):
        names_in("sqlite:///nowhere/new.db")


@pytest.mark.parametrize("name", NAMES)
def test_data_of_any_name(name, here):
    write_npz(here / f"{name}.npz")
    assert load(f"{name}.npz").name == name


def test_parquet_is_a_file_not_an_address_or_a_partition(here):
    pictures = [io.BytesIO() for _ in range(12)]
    for value, picture in enumerate(pictures):
        Image.new("L", (8, 8), 20 * value).save(picture, "png")
    images = [{"bytes": picture.getvalue(), "path": None} for picture in pictures]
    (here / "label=3").mkdir()
    pq.write_table(pa.table({"image": images, "label": [0, 1] * 6}), here / "label=3" / "a.parquet")
    assert len(load("label=3/a.parquet").classes) == 2

    (here / "label=3" / "a.parquet").rename(here / "a:b.parquet")
    assert load("a:b.parquet").name == "a:b"


def test_a_comma_in_a_path_does_not_end_it(here):
    (here / "a,b.py").touch()
    assert separated("mine, a,b.py,c") == ["mine", "a,b.py", "c"]
    assert separated("a, b.py") == ["a", "b.py"]
    kept = absolute("mine,a,b.py")
    assert kept is not None and separated(kept) == ["mine", str(here / "a,b.py")]
    assert separated(joined(["x,y.py", "z"])) == ["x,y.py", "z"]


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("http://me:p@ss@host:5000", "http://host:5000"),
        ("file:///work/a@b/runs", "file:///work/a@b/runs"),
        ("sqlite:////work/100%25?x@y.db", "sqlite:////work/100%25?x@y.db"),
    ],
)
def test_a_trackers_address_loses_the_password_and_nothing_else(uri, address):
    assert without_user(uri) == address
