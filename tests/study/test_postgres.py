"""A search whose record is in PostgreSQL: the same trials, nothing lost, and a password that is told to nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import psycopg
import pytest

from policysearch.core.errors import UserError
from policysearch.core.trial import Outcome
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import resume, search
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from policysearch.study.config import load_config, save_config
from policysearch.study.run_folder import RunFolder
from policysearch.study.storage import StorageLost, losses_in_a_sentence, open_storage, without_password
from policysearch.study.stores import open_stores
from policysearch.study.strategies import make_strategy
from tests.support.command_line import call
from tests.support.kills import Killed, command, kill_at, trials
from tests.support.postgres import PASSWORD, Server, private_server
from tests.support.quick import config_for, quick_metrics
from tests.support.selection import slow_but

SMALL = {"trials": 10, "confirm": 1}
_NAMES = (f"d{n}" for n in count())


@pytest.fixture
def url(postgres: Server) -> str:
    """An empty database, with the password in its URL."""
    return postgres.new_database(next(_NAMES))


@pytest.fixture
def password(monkeypatch) -> None:
    """The password from outside, for what reads config.toml."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Uninterrupted searches on SQLite by strategy, made when first asked for."""
    made: dict[str, list[tuple]] = {}

    def get(strategy: str) -> list[tuple]:
        if strategy not in made:
            folder = tmp_path_factory.mktemp("whole") / "run"
            search(config_for(folder, strategy=strategy, **SMALL))
            made[strategy] = trials(folder)
        return made[strategy]

    return get


def at_the_ninth(monkeypatch, action) -> None:
    """Once, while the ninth child is trained, `action` takes place."""
    seen = []

    def metrics(trial):
        seen.append(trial)
        if len(seen) == 9:
            action()
        return quick_metrics(trial)

    monkeypatch.setattr("tests.support.quick.quick_metrics", metrics)


@pytest.mark.parametrize("strategy", slow_but(["tpe"], ["ucb", "tpe"]))
def test_the_trials_are_those_of_sqlite(strategy, url, quick, whole, password, tmp_path):
    expected = whole(strategy)
    result = search(config_for(tmp_path / "run", strategy=strategy, storage=url, **SMALL))
    assert trials(tmp_path / "run") == expected
    assert result.policy == Policy.load(tmp_path / "run" / "policy.json")
    assert not (tmp_path / "run" / "study.db").exists()
    assert read(tmp_path / "run").verdict.sentence == result.verdict.sentence


@pytest.mark.parametrize(("strategy", "writes"), slow_but([("ucb", 40)], [("ucb", 2), ("ucb", 40), ("tpe", 17)]))
def test_killed_at_a_write(strategy, writes, url, quick, whole, password, tmp_path, monkeypatch):
    expected = whole(strategy)
    with monkeypatch.context() as patch:
        kill_at(patch, writes)
        with pytest.raises(Killed):
            search(config_for(tmp_path / "run", strategy=strategy, storage=url, **SMALL))
    resume(tmp_path / "run")
    assert trials(tmp_path / "run") == expected


@pytest.mark.slow
def test_two_searches_at_once_share_a_new_database(url, quick, whole, tmp_path):
    expected = whole("ucb")
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(search, config_for(tmp_path / n, storage=url, **SMALL)) for n in "ab"]
        policies = [run.result().policy for run in runs]
    assert trials(tmp_path / "a") == trials(tmp_path / "b") == expected
    assert policies[0].hash == policies[1].hash


def test_a_name_that_is_taken_is_refused(url, quick, tmp_path, monkeypatch, capsys):
    search(config_for(tmp_path / "a", storage=url, **SMALL))
    words = ["search", "--storage", url, "--study", "a", "--workers", "0", "--out", str(tmp_path / "b")]
    code, _, err = call(monkeypatch, capsys, *words)
    assert code == 2 and "already holds a study named 'a'" in err and err.count("\n") == 1
    assert_secret(err)
    assert not (tmp_path / "b").exists()


def test_two_that_begin_at_once_under_one_name_do_not_share_a_study(url, quick, tmp_path, monkeypatch):
    monkeypatch.setattr("policysearch.experiments.search.run.names_must_be_free", lambda *_: None)
    search(config_for(tmp_path / "a", storage=url, **SMALL))
    with pytest.raises(UserError, match="has just begun a study named 'a'"):
        search(config_for(tmp_path / "b", study="a", storage=url))


@pytest.mark.filterwarnings("default:.*is known to mislead")
def test_a_server_that_stops_is_told_and_nothing_is_lost(
    postgres, url, quick, whole, password, tmp_path, monkeypatch, capsys
):
    expected = whole("ucb")
    folder = tmp_path / "run"
    settings = ["--trials", "10", "--images", "40", "--epochs", "1", "--confirm", "1", "--workers", "0"]
    settings += ["--strategy", "ucb", "--model", "small-resnet"]
    with monkeypatch.context() as patch:
        at_the_ninth(patch, postgres.stop)
        code, _, err = call(monkeypatch, capsys, "search", *settings, "--storage", url, "--out", str(folder))
    try:
        assert code == 1 and err.count("\n") == 2 and err.startswith("policysearch: warning: 40 images × 1 epochs")
        assert f"`policysearch resume {folder}` goes on" in err
        assert_secret(err)
        assert [row[5] for row in trials(folder)] == ["complete"] * 8 + ["running"]
        for word in ("resume", "show"):
            code, _, err = call(monkeypatch, capsys, word, str(folder))
            assert code == 2 and "cannot open storage" in err and err.count("\n") == 1
    finally:
        postgres.start()
    # The lease could not be freed, and its holder seems to live: it is this process. A real resume is another one.
    monkeypatch.setattr("policysearch.study.lease.DEAD_SECONDS", 2.0)
    resume(folder)
    assert trials(folder) == expected


def test_a_restart_while_children_are_trained_is_not_noticed(postgres, url, quick, whole, tmp_path, monkeypatch):
    expected = whole("ucb")

    def restart() -> None:
        postgres.stop()
        postgres.start()

    at_the_ninth(monkeypatch, restart)
    search(config_for(tmp_path / "run", storage=url, **SMALL))
    assert trials(tmp_path / "run") == expected


def test_every_write_may_find_the_server_gone(postgres, url, quick, tmp_path):
    """Whatever the record does next, the loss is told as one, and passes no driver's own error on."""
    config = search(config_for(tmp_path / "run", storage=url, **SMALL)).config
    space = load_space("default")
    with open_stores(config, RunFolder(tmp_path / "run"), space) as records:
        record = records["search"]
        trial = record.start(make_strategy("ucb", space, 0).choose(record))
        postgres.stop()
        try:
            for write in (
                lambda: record.start(make_strategy("ucb", space, 0).choose(record)),
                lambda: record.start(make_strategy("tpe", space, 0).choose(record)),
                lambda: record.tell(trial, Outcome(quick_metrics(trial))),
                lambda: record.attempt_failed(trial, Outcome(error="lost")),
            ):
                with pytest.raises(StorageLost, match=r"refused|terminat"), losses_in_a_sentence(tmp_path / "run"):
                    write()
        finally:
            postgres.start()


@pytest.mark.slow
def test_kill_minus_9_of_a_real_search(postgres, url, npz, password, tmp_path, monkeypatch):
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
    settings = {"data": str(npz), "trials": 12, "images": 30, "epochs": 12, "confirm": 0}
    search(config_for(tmp_path / "whole", **settings))
    folder = tmp_path / "run"
    save_config(config_for(folder, storage=without_password(url), **settings), tmp_path / "config.toml")
    process = subprocess.Popen(
        command("search", "--config", str(tmp_path / "config.toml")), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    end = time.monotonic() + 120
    while completed(postgres, url) < 2:
        assert time.monotonic() < end and process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL and 2 <= completed(postgres, url) < 12
    resume(folder)
    assert trials(folder) == trials(tmp_path / "whole")
    assert completed(postgres, url) == 12


def completed(postgres: Server, url: str) -> int:
    try:
        return int(postgres.sql(url.rpartition("/")[2], "SELECT COUNT(*) FROM trials WHERE state = 'COMPLETE'"))
    except psycopg.errors.UndefinedTable:  # not made yet
        return 0


def test_the_password_is_neither_saved_nor_shown(url, quick, password, tmp_path, monkeypatch, capsys):
    words = ["search", "--trials", "5", "--confirm", "1", "--workers", "0", "--out", str(tmp_path / "r")]
    code, out, err = call(monkeypatch, capsys, *words, "--storage", url)
    assert code == 0, err
    assert_secret(out + err)
    for file in (tmp_path / "r").iterdir():
        assert_secret(file.read_text())
    assert load_config(tmp_path / "r" / "config.toml").storage == without_password(url)
    assert_secret(repr(search(config_for(tmp_path / "s", storage=url, **SMALL))))
    monkeypatch.delenv("PGPASSWORD")
    with pytest.raises(UserError, match=r"config\.toml keeps no password: set PGPASSWORD"):
        resume(tmp_path / "r")


def assert_secret(text: str) -> None:
    for part in ("s3cret", "%7B%7D", PASSWORD):
        assert part not in text


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        ("postgresql://u:s3cret@127.0.0.1:1/db", "refused"),
        ("postgres://u:s3cret@127.0.0.1:1/db", "refused"),
        ("postgresql://u@127.0.0.1:1/db?password=s3cret", "refused"),
        ("postgresql://u:s3cret@nowhere.invalid/db", "nowhere.invalid"),
        ("postgresql://u:a@s3cret@127.0.0.1/db", "%40"),
        ("postgresql://u:s3cret", "no URL such as"),
        ("s3cret", "no URL such as"),
        ("postgresql+nothing://u:s3cret@h/db", "cannot open storage 'postgresql"),
        ("mysql+nothing://u:s3cret@h/db", "cannot open storage 'mysql"),
    ],
)
def test_what_cannot_be_opened_is_told_without_the_password(storage, told):
    with pytest.raises(UserError, match=told) as error, open_storage(storage):
        pass
    assert "\n" not in str(error.value)
    assert_secret(str(error.value))


def test_what_cannot_be_opened_ends_with_code_2_and_writes_nothing(postgres, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for storage, told in (
        (postgres.url("postgres", "s3cret-but-wrong"), "authentication failed"),
        (postgres.url("nothing"), '"nothing" does not exist'),
        ("postgresql://u:s3cret@127.0.0.1:1/db", "refused"),
    ):
        code, out, err = call(monkeypatch, capsys, "search", "--storage", storage, "--out", "run", "--workers", "0")
        assert code == 2 and told in err and err.count("\n") == 1 and not out
        assert_secret(err)
        assert not os.listdir()


def test_a_broken_config_file_is_told_without_its_password(tmp_path):
    (tmp_path / "c.yaml").write_text('trials: 3\nstorage: "postgresql://u:s3cret@h/db\n')
    with pytest.raises(UserError, match=r"is not YAML.*line 3") as error:
        load_config(tmp_path / "c.yaml")
    assert_secret(str(error.value))


def test_a_missing_driver_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    missing = pytest.raises(UserError, match=r"pip install 'policysearch\[postgres\]'")
    with missing, open_storage("postgresql://u:s3cret@127.0.0.1:1/db"):
        pass


def test_the_server_is_private_and_leaves_nothing(postgres):
    with private_server() as other:
        assert other.port != postgres.port
        assert other.sql("postgres", "SELECT current_user") == "searcher"
        with pytest.raises(psycopg.OperationalError, match="no password"):
            psycopg.connect(other.url("postgres", None))
    assert not other.folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(other.url("postgres"))
