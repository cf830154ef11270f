"""What searches and evaluations say of single classes, on children that are made up: flips harm exactly two of ten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from policysearch.cli.show import show_run
from policysearch.experiments.evaluation.files import read_evaluation
from policysearch.experiments.evaluation.report import page as evaluation_page
from policysearch.experiments.search.brief import saved_brief
from policysearch.experiments.search.report.classes import classes_in_words, effects_of
from policysearch.experiments.search.report.page import page
from policysearch.experiments.search.result import read_whole
from policysearch.experiments.search.run import search
from tests.support.evaluations import run as evaluated
from tests.support.html_pages import must_be_accessible, read
from tests.support.quick import QuickSetup, config_for

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TURNED = {2: "two", 5: "five"}
"""Classes that a flip harms."""
IMAGES = 100


def counts(trial) -> list[list[int]]:
    """[right, images] of each class of a network that has never seen a class as it is where its policy flips it.

    Flips help all others by two points.
    """
    policy = json.loads(trial.policy)
    parts = {int(key): part for key, part in policy.get("classes", {}).items()}
    rng = np.random.default_rng(int(hashlib.sha256(f"{trial.arm}:{trial.seed}".encode()).hexdigest()[:12], 16))
    right = []
    for k in range(len(DIGITS)):
        steps = json.dumps(parts.get(k, policy)["sub_policies"])
        gain = (-0.4 if k in TURNED else 0.02) * ("flip-horizontal" in steps)
        right.append(int(rng.binomial(IMAGES, 0.85 + gain)))
    return [[count, IMAGES] for count in right]


def metrics(trial) -> dict[str, object]:
    by_class = counts(trial)
    accuracy = sum(right for right, _ in by_class) / (IMAGES * len(by_class))
    return {"accuracy": accuracy, "loss": 1 - accuracy, "seconds": 0.0, "class_counts": by_class}


class DigitSetup(QuickSetup):
    """Takes the place of `workers.evaluate.ChildSetup`; examined where it was set up for it."""

    def __call__(self):
        return self.examined if self.test else metrics

    @staticmethod
    def examined(trial) -> dict[str, object]:
        measured = metrics(trial)
        occluded = {f"test_accuracy_occluded_{share}": measured["accuracy"] for share in (0, 20, 40, 60, 80)}
        own = {f"test_{name}": value for name, value in measured.items()}
        return {**measured, **own, **occluded, "test_ece": 0.1, "test_entropy": 1.0, "cpu_seconds": 0.1}


def write_digits(path: Path) -> Path:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (400, 8, 8), dtype=np.uint8), np.arange(400) % 10
    parts = {"x_train": images[:300], "y_train": labels[:300], "x_test": images[300:], "y_test": labels[300:]}
    np.savez(path, **parts, classes=np.array(DIGITS))
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Iterator[Path]:
    """A folder with the data, a search whose winner flips, and an evaluation of flips."""
    folder = tmp_path_factory.mktemp("runs")
    data, space = write_digits(folder / "small.npz"), folder / "space.toml"
    space.write_text(
        'schema = 1\n[[family]]\nname = "flip"\nparameters = { p = [0.5, 1.0] }\n'
        '[family.policy]\nsub_policies = [{ steps = [{ operation = "flip-horizontal", probability = "$p" }] }]\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.evaluate.ChildSetup", DigitSetup)
        patch.setattr("policysearch.experiments.search.run.write_picture", lambda *_: None)
        patch.setattr("policysearch.experiments.evaluation.files.write_plot", lambda *_: None)
        patch.setattr("policysearch.experiments.evaluation.summary._DEALS", 20)
        settings = {"data": str(data), "space": str(space), "strategy": "ucb", "confirm": 6, "images": 60}
        search(config_for(folder / "search", **settings))
        evaluated(folder / "evaluation", "flip-crop", seeds=6)
    return folder


def test_a_search_names_its_classes_and_what_its_policy_harms(runs):
    """The winner does not flip, so flip-crop is what would harm; held against it nothing is lost."""
    material = read_whole(runs / "search")
    assert material.classes == DIGITS
    effects = effects_of(material)
    assert effects is not None and effects.runs == 6 and not effects.harmed
    helped = {c.name for c in effects.classes for pair in c.differences if pair.other == "flip-crop" and pair.clear}
    assert helped == {*TURNED.values()}
    sentence = classes_in_words(material)
    assert sentence.startswith("By class: no class is clearly worse under") and "would have shown" in sentence
    brief = saved_brief(runs / "search")
    assert brief is not None and sentence in brief.opening
    console = Console(record=True, width=500)
    show_run(runs / "search", console)
    assert sentence in console.export_text()


def test_the_page_has_a_picture_and_a_table_of_every_class(runs):
    html = page(read_whole(runs / "search"), "no data")
    assert "<h2>Class by class</h2>" in html.replace("\n", "") and "Class by class on validation" in html
    assert all(name in html for name in DIGITS) and "Every class, to " in html
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
