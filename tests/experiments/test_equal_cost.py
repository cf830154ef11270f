"""Opponents that cost as much as the search: what they are, what wins, and that they go on after any end."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from policysearch.child.recipe import Recipe
from policysearch.child.variant import Variant
from policysearch.core.errors import UserError
from policysearch.experiments.evaluation.equal_cost import (
    EqualCost,
    _images_trained_on,
    equal_cost_in_words,
    trainings_of,
)
from policysearch.experiments.evaluation.files import read_evaluation
from policysearch.experiments.evaluation.ledger import reads
from policysearch.experiments.evaluation.metrics import METRICS, Measured
from policysearch.experiments.evaluation.run import evaluate
from policysearch.experiments.evaluation.settings import EvaluateSettings
from policysearch.study.config import make_config
from tests.support.evaluations import QuickExam, quick_exam, values
from tests.support.kills import Killed, kill_at
from tests.support.quick import quick_metrics, write_npz
from tests.support.selection import slow_but

EQUAL = EqualCost(5, 3, "identity", 0.1, 5e-4)
POLICY, NOISE = np.array([0.80, 0.81, 0.79, 0.80]), np.array([0.001, -0.001, 0.001, 0.0])


def measured(ensemble: float, tuned: float) -> Measured:
    """A policy, and its opponents so much better than it."""
    rows = np.stack([POLICY, POLICY - 0.01, POLICY + ensemble + NOISE, POLICY + tuned - NOISE])
    names = ("found", "identity", EQUAL.ensemble, EQUAL.tuned)
    return Measured(names, ("identity",), {name: rows for name in METRICS}, 10_000)


@pytest.mark.parametrize(
    ("ensemble", "tuned", "parts"),
    [
        (
            0.03,
            0.02,
            ("ensemble of 3: identity is better (+3.0", "tuned: identity is better", "ensemble of 3: identity wins"),
        ),
        (
            -0.03,
            0.02,
            ("ensemble of 3: identity is worse", "tuned: identity wins, and the search was not worth its cost"),
        ),
        (-0.03, -0.02, ("for the price of 5 trainings", "the search wins")),
        (0.0, -0.02, ("cannot be told apart from it", "the search has not won")),
    ],
)
def test_the_sentence_says_which_wins(ensemble, tuned, parts):
    sentence = equal_cost_in_words(measured(ensemble, tuned), EQUAL)
    assert all(part in sentence for part in parts), sentence


def test_without_common_replicates_nothing_wins():
    assert "too few trained replicates" in equal_cost_in_words(measured(math.nan, math.nan), EQUAL)


@pytest.mark.parametrize(
    ("row", "epochs"),
    [
        ("9,,9,0,", 9.0),
        ("9,,9,0,1.8", 10.8),
        ("9,,2,7,", 9.0),  # a killed attempt had trained the other seven
        ("9,0,6,3,1.2", 7.2),
        ("9,0,2,7,1.2", 7.2),
        ("9,0,9,0,1.2", 10.2),  # its parent's checkpoint was lost
        ("9,,4,,", 4.0),  # pruned
        ("9,,0,,", 0.0),  # the evaluation of a policy, of strategy density
        ("9,0,,,", 6.0),  # failed
    ],
)
def test_a_trial_costs_what_it_trained(row, epochs, tmp_path):
    head = "phase,number,images,epochs,parent,trained_epochs,continued_from,read_out_epochs"
    (tmp_path / "trials.csv").write_text(f"{head}\nsearch,0,0,3,,3,0,\nsearch,1,10,{row}\n")
    assert _images_trained_on(tmp_path / "trials.csv") == round(10 * epochs)


def test_the_tables_of_earlier_versions_are_counted_too(tmp_path):
    (tmp_path / "trials.csv").write_text("phase,number,images,epochs\nsearch,0,10,3\nconfirm,0,10,3\n")
    assert _images_trained_on(tmp_path / "trials.csv") == 60


def test_what_a_search_cost_is_counted_in_images_trained_on(tmp_path):
    """A pull of 500 × 80 and one that went on to 100 for 20 are 50,000 images: 2.5 trainings of 4,000 × 5."""
    rows = "phase,number,images,epochs,parent,trained_epochs\nsearch,0,500,80,,\nsearch,1,500,100,0,20\n"
    (tmp_path / "trials.csv").write_text(rows)
    config = make_config({"images": 4000, "epochs": 5})
    assert trainings_of(EvaluateSettings(equal_cost="auto"), tmp_path, config) == round(50_000 / 20_000)
    assert trainings_of(EvaluateSettings(), tmp_path, config) == 0
    assert trainings_of(EvaluateSettings(equal_cost="7"), None, config) == 7
    for text, search, message in (
        ("auto", None, "give its folder, or a number"),
        ("0", tmp_path, "must be auto or a whole number in 1..10000, got '0'"),
        ("many", tmp_path, "got 'many'"),
        ("auto", tmp_path / "nowhere", "cannot count what the search cost"),
    ):
        with pytest.raises(UserError, match=message):
            trainings_of(EvaluateSettings(equal_cost=text), search, config)


@dataclass(frozen=True)
class VariedExam(QuickExam):
    """Its networks are better at a rate of 0.05, and in ensembles."""

    def __call__(self):
        def judge(trial):
            variant = Variant.from_json(trial.task) if trial.task else Variant()
            numbers = {"rate": variant.rate or 0.1, "weight_decay": variant.weight_decay or 5e-4}
            gain = -0.01 * abs(math.log(numbers["rate"] / 0.05)) + 0.02 * (variant.members - 1)
            metrics = (quick_exam if self.test else quick_metrics)(replace(trial, task=""))
            changed = {name: value + gain for name, value in metrics.items() if "accuracy" in name}
            return {**metrics, **changed, **numbers}

        return judge


@pytest.fixture
def npz(tmp_path, monkeypatch):
    monkeypatch.setattr("workers.evaluate.ChildSetup", VariedExam)
    monkeypatch.setattr("policysearch.experiments.evaluation.files.write_plot", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.evaluation.run.write_page", lambda *_: None)
    monkeypatch.setattr("policysearch.experiments.evaluation.summary._DEALS", 20)
    return write_npz(tmp_path / "small.npz")


SETTINGS = EvaluateSettings(against="identity,flip-crop", seeds=3, equal_cost="6", ensemble=3)


def test_the_opponents_are_trained_under_the_best_fixed_policy(npz, tmp_path):
    result = evaluate("trivialaugment", SETTINGS, values(tmp_path / "e"), command="typed").summary
    equal, best = result.equal, result.verdict.best
    assert equal.names == (f"ensemble of 3: {best}", f"tuned: {best}") and equal.trainings == 6
    assert result.measured.names[-2:] == equal.names and not set(equal.names) & set(result.measured.fixed)
    assert equal.rate < Recipe().rate, "nearer to 0.05 than the recipe's own"
    assert equal_cost_in_words(result.measured, equal) in result.sentence
    assert "the ensemble has 3 networks, and 7 would have cost as much" in " ".join(result.cautions)

    again = read_evaluation(tmp_path / "e")
    assert again.sentence == result.sentence and again.equal == equal
    (read,) = reads(tmp_path / "e")
    assert "an ensemble under the best fixed policy" in read["policies"]


def test_the_tuning_never_has_the_test_part(npz, tmp_path):
    evaluate("trivialaugment", SETTINGS, values(tmp_path / "e"))
    rows = [line.split(",") for line in (tmp_path / "e" / "trials.csv").read_text().splitlines()]
    tested = rows[0].index("test_accuracy")
    by_phase = {
        phase: {bool(row[tested]) for row in rows if row[0] == phase} for phase in ("ensemble", "tuning", "tuned")
    }
    assert by_phase == {"ensemble": {True}, "tuning": {False}, "tuned": {True}}


@pytest.mark.parametrize("count", slow_but([16], [10, 16, 22]))
def test_killed_at_a_write_the_opponents_go_on_as_they_would_have(count, npz, tmp_path, monkeypatch):
    whole = evaluate("trivialaugment", SETTINGS, values(tmp_path / "whole")).summary
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, count)
        evaluate("trivialaugment", SETTINGS, values(tmp_path / "e"))
    rest = evaluate("trivialaugment", SETTINGS, values(tmp_path / "e")).summary
    assert rest.equal == whole.equal
    for name in ("accuracy", "validation_accuracy"):
        assert np.array_equal(rest.measured.values[name], whole.measured.values[name])


def test_it_is_pinned(npz, tmp_path):
    evaluate("trivialaugment", SETTINGS, values(tmp_path / "e"))
    with pytest.raises(UserError, match="equal_cost is 5, was 6"):
        evaluate("trivialaugment", SETTINGS.model_copy(update={"equal_cost": "5"}), values(tmp_path / "e"))
    assert json.loads((tmp_path / "e" / "evaluation.json").read_text())["equal_cost"]["trainings"] == 6
