"""Two searches on one page: differences where rewards compare, what was set differently, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from policysearch.cli.result_folder import write_page_of_two
from policysearch.core.errors import UserError
from policysearch.experiments.search.report.comparability import changed_settings, obstacles
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.side_by_side import both, write_both
from tests.support.command_line import call
from tests.support.html_pages import must_be_accessible, must_need_nothing, read
from tests.support.reports import made_up

ODD = "<script>&\"'"


@pytest.fixture(scope="module")
def first() -> Material:
    return made_up(Path("runs/one"), arms=12, trials=24, classes=("a", ODD))


@pytest.fixture(scope="module")
def other() -> Material:
    return made_up(Path("runs/two"), arms=10, trials=30, classes=("a", ODD))


def changed(material: Material, **settings: object) -> Material:
    return replace(material, config=material.config.model_copy(update=settings))


def test_the_page_says_what_each_found_and_needs_nothing(first, other):
    html = both(first, changed(other, strategy=ODD))
    page = read(html)
    must_need_nothing(page)
    must_be_accessible(page)
    text = "".join(page.text)
    for material in (first, other):
        assert material.verdict and material.verdict.sentence.replace("`", "") in text
    for words in ("two minus one", "Best mean by cost", "Accuracy by class under the final policies", "strategy", ODD):
        assert words in text
    assert html.count("<script") == 1 and "nan" not in text.split()


def test_a_search_minus_itself_is_nothing(first):
    page = read(both(first, replace(first, folder=Path("runs/copy"))))
    changes = [text for text in page.text if text.startswith("+0.00 points [")]
    pulled = {summary.arm.key for summary in first.summaries}
    assert len(changes) == len(pulled) + len(first.confirmation) + 2
    assert "All settings are the same." in page.text


def test_searches_whose_rewards_do_not_compare_have_no_differences(first, other):
    html = both(replace(first, data="x"), replace(other, data="y"))
    assert "do not compare" in html and "two minus one" not in html and "Best mean" not in html
    assert obstacles(first, other) == []
    assert obstacles(first, changed(other, validation=7)) == ["different splits into training and validation images"]
    assert "rewards (accuracy and loss)" in obstacles(first, changed(other, reward="loss"))[0]


def test_effort_that_differs_is_said(first, other):
    assert "part of a difference may be due to epochs" in both(first, changed(other, epochs=7))
    assert ("epochs", "80", "7") in changed_settings(first, changed(other, epochs=7))
    hidden = changed(other, storage="postgresql://me:s3cret@host/db")
    assert "s3cret" not in both(first, hidden)


def test_an_unfinished_search_is_put_beside_a_finished_one(first, other):
    begun = replace(other, verdict=None, policy=None, confirmation=[], confirmed=[])
    text = "".join(read(both(first, begun)).text)
    assert "30 of 30 pulls so far" in text and "No policy was confirmed by both" in text
    with pytest.raises(UserError, match="no finished pull"):
        write_both(first, replace(other, searched=[]), Path("never.html"))
    assert not Path("never.html").exists()


def test_folders_of_one_name_are_told_apart_by_their_paths(first, other):
    text = both(first, replace(other, folder=Path("elsewhere/one")))
    assert "runs/one and elsewhere/one: two searches on one page" in text


def test_what_is_no_pair_of_searches_is_refused(tmp_path, monkeypatch, capsys):
    for name, mark in (("a", "config.toml"), ("b", "config.toml"), ("e", "evaluation.toml")):
        (tmp_path / name).mkdir()
        (tmp_path / name / mark).write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="e holds no search of policies"):
        write_page_of_two(Path("a"), Path("e"), None, False)
    code, out, err = call(monkeypatch, capsys, "report", "a", "./a")
    assert code == 2 and "given twice" in err and not out
    code, _, err = call(monkeypatch, capsys, "report", "a", "b", "e")
    assert code == 2 and "got 3" in err
    assert sorted(path.name for path in tmp_path.rglob("*.html")) == []
