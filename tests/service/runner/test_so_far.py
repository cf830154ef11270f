"""What is said of a search while it runs: an interval, never a winner, and no more points than can be drawn."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise

import pytest

from policysearch.core.trial import Outcome
from policysearch.experiments.search.summary import summarise
from policysearch.policy.presets import preset
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm
from policysearch.service.runner.so_far import (
    RewardCurve,
    lead_of,
    lead_so_far,
    leaderboard,
    learning_curves,
    verdict_of,
)
from policysearch.study.config import SearchConfig
from policysearch.study.rows import COMPLETE, FAILED, Row
from policysearch.study.sources import ABLATION

FLIP, MINE = (Arm({"family": name}, preset(name)) for name in ("flip-crop", "randaugment:1,5"))
IDENTITY = Arm({"family": "identity"}, preset("identity"))


def rows(arm, *rewards, first=0, fidelity=0):
    outcome = Outcome({"accuracy": 0.5}, seconds=2.0)
    return [
        Row(first + k, arm, k, fidelity, state=COMPLETE, reward=reward, outcome=outcome)
        for k, reward in enumerate(rewards)
    ]


def test_nothing_is_said_before_the_first_reward():
    assert lead_so_far([], "accuracy") is None
    failed = [Row(0, MINE, 0, state=FAILED, outcome=Outcome(error="x"))]
    assert lead_so_far(summarise(failed), "accuracy") is None
    assert leaderboard(summarise(failed)) == []


def test_a_lead_over_the_best_fixed_policy_has_its_interval():
    pulled = rows(MINE, 0.84, 0.86) + rows(FLIP, 0.81, 0.83, first=2) + rows(IDENTITY, 0.70, 0.72, first=4)
    lead = lead_so_far(summarise(pulled), "accuracy")
    assert lead is not None and lead.may_be_chance and lead.over == FLIP.name
    assert lead.mean == pytest.approx(0.03)
    # The pooled deviation of a pull is 0.0141 with 3 degrees of freedom: 3.182 · 0.0141 · sqrt(1/2 + 1/2).
    assert lead.high - lead.mean == pytest.approx(0.0450, abs=2e-4)
    assert "+3.00 points" in lead.sentence and "may be chance" in lead.sentence
    assert not any(word in lead.sentence for word in ("winner", "wins"))


def test_a_fixed_policy_that_is_best_is_named_as_free():
    lead = lead_so_far(summarise(rows(FLIP, 0.9) + rows(MINE, 0.8, first=1)), "accuracy")
    assert lead is not None and "flip-crop, which costs no search" in lead.sentence and math.isnan(lead.low)


def test_where_no_fixed_policy_was_pulled_that_is_said():
    lead = lead_so_far(summarise(rows(MINE, 0.8)), "accuracy")
    assert lead is not None and "no fixed policy has been pulled" in lead.sentence


def test_the_confirmation_is_a_verdict_only_when_it_is_over():
    searched = rows(MINE, 0.9, 0.92) + rows(FLIP, 0.8, 0.82, first=2)
    fresh = [
        row for arm, value in ((MINE, 0.9), (FLIP, 0.8), (IDENTITY, 0.7)) for row in rows(arm, value, value + 0.01)
    ]
    verdict = verdict_of(
        SearchConfig(space="default", finalists=1), load_space("default"), searched, fresh, ("identity", "flip-crop")
    )
    early = lead_of(verdict, "accuracy", over=False, done=6, total=8)
    assert early.may_be_chance and early.sentence.startswith("after 6 of 8 trainings of the confirmation")
    assert "wins" not in early.sentence
    late = lead_of(verdict, "accuracy", over=True)
    assert not late.may_be_chance and late.sentence == verdict.sentence
    assert late.over == "flip-crop" and late.mean == pytest.approx(0.1)


def test_a_search_that_confirmed_nothing_may_have_been_lucky():
    searched = rows(MINE, 0.9, 0.92) + rows(FLIP, 0.8, 0.82, first=2)
    verdict = verdict_of(
        SearchConfig(space="default", finalists=1), load_space("default"), searched, [], ("flip-crop",)
    )
    lead = lead_of(verdict, "accuracy", over=True)
    assert lead.may_be_chance and "was not confirmed on fresh replicates" in lead.sentence


def test_the_leaderboard_marks_what_is_fixed():
    (first, second) = leaderboard(summarise(rows(MINE, 0.9, 0.9) + rows(FLIP, 0.8, first=2)))
    assert (first["name"], first["pulls"], first["fixed"], first["worker_seconds"]) == (MINE.name, 2, False, 4.0)
    assert second["fixed"]


def test_the_best_mean_goes_down_when_luck_runs_out():
    curve = RewardCurve()
    curve.update(rows(MINE, 0.9, 0.7))
    assert [(n, r, round(best, 3)) for n, r, best in curve.points] == [(0, 0.9, 0.9), (1, 0.7, 0.8)]


def test_pulls_at_a_higher_fidelity_count_alone_from_the_first_on():
    curve = RewardCurve()
    curve.update(rows(MINE, 0.9) + rows(FLIP, 0.5, first=1, fidelity=1))
    assert [best for _, _, best in curve.points] == [0.9, 0.5]


@pytest.mark.parametrize("count", [1, 10, 11, 99, 1000])
def test_a_curve_is_thinned_evenly_and_keeps_its_end(count):
    curve = RewardCurve(most=10)
    for part in (count // 3, count):  # in two turns
        curve.update(rows(MINE, *([0.5] * part)))
    numbers = [number for number, _, _ in curve.points]
    assert len(numbers) <= 10 and numbers[-1] == count - 1
    assert len({b - a for a, b in pairwise(numbers)}) <= 1


POINTS = [{"epoch": 1, "accuracy": 0.3, "loss": 2.0}, {"epoch": 2, "accuracy": 0.4, "loss": 1.0}]


def test_learning_curves_are_those_of_the_last_pulls_and_of_those_in_flight(tmp_path):
    ended = [Row(k, MINE, k, state=COMPLETE, reward=0.4, outcome=Outcome({"curve": POINTS})) for k in range(9)]
    flying = [Row(9, MINE, 9), Row(10, MINE, 10)]
    (tmp_path / "9.json").write_text(json.dumps(POINTS[:1]))
    (tmp_path / "3.json").write_text(json.dumps(POINTS[:1]))
    curves = learning_curves([*ended, *flying], tmp_path, most=2)
    assert curves == {7: [[1, 0.3], [2, 0.4]], 8: [[1, 0.3], [2, 0.4]], 9: [[1, 0.3]]}


def test_trainings_of_an_ablation_are_no_replicates_of_the_verdict():
    """They are the winner's alone: counted, all others would be left out for having fewer."""
    config, space = SearchConfig(space="default"), load_space("default")
    searched = rows(MINE, 0.9)
    confirmed = rows(MINE, 0.84, 0.86, 0.85) + rows(FLIP, 0.81, 0.83, 0.825, first=3)
    before = verdict_of(config, space, searched, confirmed, ("flip-crop",))
    ablated = [
        replace(row, number=9 + row.replicate, replicate=ABLATION + row.replicate) for row in rows(MINE, 0.1, 0.2)
    ]
    after = verdict_of(config, space, searched, [*confirmed, *ablated], ("flip-crop",))
    assert "flip-crop" in before.differences and after == before
