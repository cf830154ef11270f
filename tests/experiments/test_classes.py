"""What searches and evaluations say of single classes, on children that are made up: flips harm exactly two of ten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from policysearch.cli.show import show_run
from policysearch.core.errors import UserError
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.experiments.class_rewards import class_reward_notes
from policysearch.experiments.evaluation.files import read_evaluation
from policysearch.experiments.evaluation.report import page as evaluation_page
from policysearch.experiments.search.brief import saved_brief
from policysearch.experiments.search.report.classes import classes_in_words, effects_of
from policysearch.experiments.search.report.page import page
from policysearch.experiments.search.result import read_whole
from policysearch.experiments.search.run import resume, search
from policysearch.policy.policy import Policy
from policysearch.study.config import SearchConfig
from tests.support.digit_children import DIGITS, IMAGES, SPACE, TURNED, DigitSetup, write_digits
from tests.support.evaluations import run as evaluated
from tests.support.html_pages import must_be_accessible, read
from tests.support.quick import config_for


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Iterator[Path]:
    """A folder with the data, a search whose winner flips, and an evaluation of flips."""
    folder = tmp_path_factory.mktemp("runs")
    data, space = write_digits(folder / "small.npz"), folder / "space.toml"
    space.write_text(SPACE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.evaluate.ChildSetup", DigitSetup)
        for writer in ("search.run.write_picture", "search.run.write_page", "evaluation.run.write_page"):
            patch.setattr(f"policysearch.experiments.{writer}", lambda *_: None)
        patch.setattr("policysearch.experiments.evaluation.files.write_plot", lambda *_: None)
        patch.setattr("policysearch.experiments.evaluation.summary._DEALS", 20)
        settings = {"data": str(data), "space": str(space), "strategy": "ucb", "confirm": 6, "images": 60}
        search(config_for(folder / "search", **settings))
        evaluated(folder / "evaluation", "flip-crop", seeds=6)
    return folder


def test_a_search_names_exactly_the_two_classes_that_its_policy_harms(runs):
    material = read_whole(runs / "search")
    assert material.classes == DIGITS and material.verdict is not None
    assert "flip" in material.verdict.winner.name
    effects = effects_of(material)
    assert effects is not None and effects.runs == 6
    assert {effect.name for effect in effects.harmed} == {*TURNED.values()}
    sentence = classes_in_words(material)
    assert sentence.startswith(f"By class: {material.verdict.winner.name} harms 2 of 10 classes: ")

    brief = saved_brief(runs / "search")
    assert brief is not None and sentence in brief.opening
    console = Console(record=True, width=500)
    show_run(runs / "search", console)
    assert sentence in console.export_text()


def test_the_page_has_a_picture_and_a_table_of_every_class(runs):
    html = page(read_whole(runs / "search"), "no data")
    assert ">Class by class</h2>" in html and "Class by class on validation" in html
    assert all(name in html for name in DIGITS) and "Every class: " in html
    must_be_accessible(read(html))


def test_an_evaluation_names_exactly_the_two_classes_that_flips_harm(runs):
    summary = read_evaluation(runs / "evaluation")
    effects = summary.by_class
    assert effects is not None and {effect.name for effect in effects.harmed} == {*TURNED.values()}
    assert summary.cautions[0].startswith("flip-crop harms 2 of 10 classes: ")
    document = json.loads((runs / "evaluation" / "evaluation.json").read_text())
    assert {*document["classes"]["harmed"]} == {*TURNED.values()} and document["classes"]["images"] == [IMAGES] * 10
    assert "## Class by class on the test part" in (runs / "evaluation" / "evaluation.md").read_text()
    html = evaluation_page(summary, [])
    assert "Class by class" in html and summary.cautions[0].split(":")[0] in html


def test_files_of_earlier_versions_have_no_classes(runs, tmp_path):
    document = json.loads((runs / "evaluation" / "evaluation.json").read_text())
    del document["classes"]
    for name in ("top_5", "auroc", "worst_class", "macro_f1", "balanced_accuracy"):
        del document["metrics"][name]
    (tmp_path / "evaluation.json").write_text(json.dumps(document))
    summary = read_evaluation(tmp_path)
    assert summary.by_class is None and summary.null is not None
    assert "AUROC" not in evaluation_page(summary, [])


@pytest.mark.filterwarnings("ignore:strategy by-class looks at single classes")
def test_a_search_by_class_ends_with_a_policy_that_gives_the_two_classes_parts_of_their_own(runs, monkeypatch):
    """By the whole search: its record, a resumed end, the confirmation, and the final policy on disk."""
    monkeypatch.setattr("workers.evaluate.ChildSetup", DigitSetup)
    for name in ("write_picture", "write_page"):
        monkeypatch.setattr(f"policysearch.experiments.search.run.{name}", lambda *_: None)
    folder, space = runs / "by-class", str(runs / "space.toml")
    settings = {"data": str(runs / "small.npz"), "space": space, "images": 60, "finalists": 2}
    with pytest.warns(UserWarning, match="for the classes that the common policy harms"):
        search(config_for(folder, strategy="by-class:common=12,parts=2", trials=30, confirm=3, **settings))
    result = resume(folder, trials=44)
    policy = Policy.load(folder / "policy.json")
    assert {*policy.classes} == {*TURNED.values()} and result.verdict is not None
    assert result.verdict.finding == "wins" and "flip-horizontal" not in json.dumps(
        [part.model_dump(mode="json") for part in policy.classes.values()]
    )
    names = [summary.arm.name for summary in result.confirmation]
    assert any("2 classes otherwise" in name for name in names) and len(names) <= 2 + 1 + 4


def test_rewards_of_classes_that_the_data_do_not_suit(runs):
    """Of the validation part's hundred images each class has ten; three classes are all among the five likeliest."""
    data = load(str(runs / "small.npz"))
    sides = split(data, None, 0)
    for settings, what in (({"reward": "worst-class"}, "reward worst-class"), ({"strategy": "by-class"}, "by-class")):
        (note,) = class_reward_notes(SearchConfig(**settings), data, sides)
        assert what in note and "'zero' has 10 validation images, of which one is 10 points" in note
    assert class_reward_notes(SearchConfig(reward="macro-f1"), data, sides) == ()
    assert class_reward_notes(SearchConfig(reward="rewards.py:own"), data, sides) == ()

    few = replace(data, classes=("a", "b", "c"), y_train=data.y_train % 3)
    with pytest.raises(UserError, match=r"reward top-5 needs 6 classes or more, and .* has 3"):
        class_reward_notes(SearchConfig(confirm_reward="accuracy+top-5"), few, sides)
