"""The brief of a finished search: read back as it was computed, and never once the search has changed."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from policysearch.experiments.search.brief import FILE, saved_brief
from policysearch.experiments.search.result import read_both
from policysearch.experiments.search.run import resume, search
from policysearch.experiments.search.text import brief_of
from tests.support.command_line import call
from tests.support.quick import QuickSetup, config_for


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished search, of children that are made up."""
    folder = tmp_path_factory.mktemp("brief") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.evaluate.ChildSetup", QuickSetup)
        patch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
        patch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
        search(config_for(folder))
    return folder


@pytest.fixture
def run(finished, tmp_path, monkeypatch) -> Path:
    """A copy of it under the same name."""
    shutil.copytree(finished, tmp_path / "copy")
    document = json.loads((tmp_path / "copy" / FILE).read_text(encoding="utf-8"))
    (tmp_path / "copy" / FILE).write_text(json.dumps({**document, "folder": "copy"}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return Path("copy")


def test_what_is_kept_is_what_the_study_says(finished):
    brief = saved_brief(finished)
    assert brief is not None and brief == brief_of(*read_both(finished))
    assert brief.opening and brief.arms.rows and brief.confirmation and brief.policy


def test_show_says_the_same_with_and_without_it(run, monkeypatch, capsys):
    code, from_brief, _ = call(monkeypatch, capsys, "show", str(run))
    document = json.loads((run / FILE).read_text(encoding="utf-8"))
    (run / FILE).write_text(json.dumps({**document, "version": "another"}), encoding="utf-8")
    assert (code, from_brief) == (0, call(monkeypatch, capsys, "show", str(run))[1])


@pytest.mark.parametrize("file", ["config.toml", "space.toml", "study.db"])
def test_it_is_not_believed_once_a_file_has_changed(run, file):
    assert saved_brief(run) is not None
    with (run / file).open("ab") as end:
        end.write(b"\n")
    assert saved_brief(run) is None
    (run / file).unlink()
    assert saved_brief(run) is None


@pytest.mark.parametrize("suffix", ["-journal", "-wal"])
def test_it_is_not_believed_while_the_study_is_written(run, suffix):
    (run / f"study.db{suffix}").touch()
    assert saved_brief(run) is None


@pytest.mark.parametrize(
    "change", [{"version": "0"}, {"folder": "elsewhere"}, {"brief": {"opening": 3}}, {"brief": None}]
)
def test_it_is_not_believed_where_it_is_of_another_run_or_damaged(run, change):
    document = json.loads((run / FILE).read_text(encoding="utf-8"))
    (run / FILE).write_text(json.dumps({**document, **change}), encoding="utf-8")
    assert saved_brief(run) is None
    (run / FILE).write_text("{", encoding="utf-8")
    assert saved_brief(run) is None


def test_a_row_more_in_the_study_is_seen(run):
    with sqlite3.connect(run / "study.db") as study:
        study.execute("INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (1, 'more', '1')")
    study.close()
    assert saved_brief(run) is None


def test_a_search_that_goes_further_has_a_new_one(run, monkeypatch):
    monkeypatch.setattr("workers.evaluate.ChildSetup", QuickSetup)
    monkeypatch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.search.run.write_page", lambda *_: None)
    before = saved_brief(run)
    resume(run, trials=14)
    after = saved_brief(run)
    assert before is not None and after is not None and before != after
    assert after == brief_of(*read_both(run))
