"""Folders of runs on file systems that are full or read-only, and names that are too long."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import optuna
import pytest

from policysearch.core.errors import UserError
from policysearch.core.files import replacing, write_whole
from policysearch.experiments.search.result import read
from policysearch.experiments.search.run import resume, search
from policysearch.study.run_folder import RunFolder
from policysearch.study.storage import StorageLost, names_in
from tests.support.command_line import call
from tests.support.kills import Killed, trials
from tests.support.quick import config_for

SMALL = {"trials": 2, "confirm": 0}
LONG = "x" * 300


def failing(error: int, at: str = ""):
    """A function that raises as a file system does."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error), at or None)

    return fail


def test_a_full_disk_at_the_last_picture_leaves_the_record_intact(quick, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("policysearch.experiments.search.run.write_picture", failing(errno.ENOSPC, "search.png"))
        with pytest.raises(StorageLost) as loss:
            search(config_for(folder, **SMALL))
    assert str(loss.value) == (
        "cannot write search.png: No space left on device; what was recorded is there: "
        f"`policysearch resume {folder}` goes on"
    )
    before = trials(folder)
    resume(folder)
    assert trials(folder) == before and read(folder).verdict is not None


@pytest.mark.parametrize("step", ["keep_settings", "open_stores", "pin_search", "write_trials"])
def test_a_folder_that_no_trial_was_begun_in_is_removed(step, quick, tmp_path, monkeypatch):
    monkeypatch.setattr(f"policysearch.experiments.session.Session.{step}", failing(errno.ENOSPC))
    with pytest.raises(StorageLost, match=r"No space left on device; nothing was recorded$"):
        search(config_for(tmp_path / "new" / "run", **SMALL))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError("no room"), Killed])
def test_only_what_a_search_has_made_is_removed(error, tmp_path):
    """A kill, which no program sees, leaves the folder; one that was there before the search stays."""
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new"):
        folder = RunFolder(tmp_path / name)
        with pytest.raises(BaseException), folder.in_use(lambda: False):  # noqa: B017
            folder.config.write_text("")
            raise error
    left = {path.name for path in tmp_path.iterdir()}
    assert left == ({"empty", "new"} if error is Killed else {"empty"})
    assert any((tmp_path / "empty").iterdir()) == (error is Killed)


def test_what_is_not_of_the_search_is_never_removed(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(UserError), folder.in_use(lambda: False):
        folder.config.touch()
        (folder.path / "mine.txt").touch()
        raise UserError("no room")
    assert [path.name for path in folder.path.iterdir()] == ["mine.txt"]

    with pytest.raises(UserError), folder.in_use(lambda: True):
        folder.config.touch()
        raise UserError("no room")
    assert folder.config.exists()


def test_a_second_controller_removes_nothing_of_the_first(tmp_path):
    first, second = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")
    with first.in_use(lambda: False):
        with pytest.raises(UserError, match="in use by another controller"), second.in_use(lambda: False):
            pass
        assert (tmp_path / "run" / "controller.pid").exists()


def test_a_shared_storage_keeps_no_study_without_a_trial(quick, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with monkeypatch.context() as patch:
        patch.setattr("policysearch.experiments.session.Session.pin_search", failing(errno.ENOSPC))
        with pytest.raises(StorageLost):
            search(config_for(tmp_path / "run", storage=url, **SMALL))
    assert names_in(url) == frozenset()
    search(config_for(tmp_path / "run", storage=url, **SMALL))
    assert {study.n_trials for study in optuna.get_all_study_summaries(url)} == {0, 2}


def test_a_read_only_folder_is_refused_in_a_sentence(quick, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    search(config_for(folder, **SMALL))
    before = trials(folder)
    with monkeypatch.context() as patch:
        patch.setattr("os.access", lambda path, mode: not mode & os.W_OK)
        with pytest.raises(UserError, match=r"cannot write to folder .*read-only file system"):
            resume(folder, trials=3)
    with monkeypatch.context() as patch:
        patch.setattr("filelock.FileLock.acquire", failing(errno.EROFS))
        with pytest.raises(UserError, match=r"cannot write to folder .*: Read-only file system"):
            resume(folder, trials=3)
    assert trials(folder) == before


@pytest.mark.parametrize(
    "words",
    [
        ["search", "--out", LONG],
        ["search", "--data", LONG],
        ["search", "--space", f"{LONG}.toml"],
        ["search", "--config", LONG],
        ["search", "--operations", f"{LONG}.py"],
        ["search", "--calibrated", LONG],
        ["search", "--storage", f"sqlite:///{LONG}"],
        ["resume", LONG],
        ["show", LONG],
        ["report", LONG],
        ["evaluate", LONG, "--out", "x"],
        ["evaluate", "identity", "--out", LONG],
        ["export", "identity", "--to", "json", "--out", f"{LONG}.json"],
        ["preview", LONG],
        ["record", "--fidelities", "40x1:1", "--out", f"{LONG}.parquet"],
        ["compare", "--replay", LONG, "--out", "x"],
        ["calibrate", "--out", LONG],
    ],
    ids=" ".join,
)
def test_a_name_that_is_too_long_is_one_sentence(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(monkeypatch, capsys, *words)
    assert code in (1, 2) and not out and err.count("\n") == 1 and "File name too long" in err
    assert not any(tmp_path.iterdir())


def test_the_longest_name_leaves_room_for_the_file_that_is_written_first(tmp_path):
    path = tmp_path / ("é" * 127)
    write_whole(path, "text")
    assert path.read_text() == "text" and [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_that_could_not_be_written_leaves_no_part_of_it(tmp_path):
    path = tmp_path / "table"
    with pytest.raises(OSError, match="No space"), replacing(path) as partial:
        partial.write_text("a part")
        failing(errno.ENOSPC)()
    assert not any(tmp_path.iterdir())


def test_a_disk_that_is_full_for_another_command_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "replace", failing(errno.ENOSPC, "policy.json"))
    code, _, err = call(monkeypatch, capsys, "export", "identity", "--to", "json")
    assert code and err.count("\n") == 1 and "No space left on device" in err


def test_an_experiment_that_cannot_begin_removes_what_it_wrote_and_nothing_else(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.study.write_text("trials")
    (folder.path / "test-reads.jsonl").write_text("1")
    with pytest.raises(UserError, match="wrong"), folder.in_use(lambda: False):
        folder.config.write_text("")
        folder.checkpoints.mkdir()
        raise UserError("wrong")
    assert sorted(path.name for path in folder.path.iterdir()) == ["study.db", "test-reads.jsonl"]


def test_an_evaluation_is_no_search_to_go_on_with(tmp_path):
    for name in ("config.toml", "evaluation.toml"):
        (tmp_path / name).write_text("")
    with pytest.raises(UserError, match="holds an evaluation and no search: the command that began it goes on with it"):
        resume(tmp_path)
