"""Searches side by side: what compares, and differences with their intervals."""

from __future__ import annotations

import math

import pytest

from policysearch.service.comparison import cautions, findings_of, obstacles, shared_policies
from policysearch.service.pages.compare import compare_page
from policysearch.service.pages.shell import Shell
from policysearch.stats.estimate import Estimate
from policysearch.stats.independent import difference
from tests.support.service_pages import HOSTILE, SHOWN, live, must_be_sound


def findings(settings=None, name="one", rows=3, **more):
    return findings_of(name, name, settings or {}, live(rows=rows, **more))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"data": "mine"}, "other images (mine, not fashion-small)"),
        ({"resize": "16"}, "other images (fashion-small, not fashion-small)"),
        ({"validation": 500}, "other split into training and validation images"),
        ({"split_seed": 1}, "other split into training and validation images"),
        ({"group": "near"}, "other split into training and validation images"),
        ({"reward": "loss"}, "other reward (loss, not accuracy)"),
    ],
)
def test_what_keeps_searches_from_comparing(settings, reason):
    assert obstacles(findings(), findings(settings)) == [reason]


def test_a_default_that_is_said_is_no_difference():
    said = {"data": "fashion-small", "reward": "accuracy", "split_seed": 0, "validation": None, "images": 500}
    assert obstacles(findings(), findings(said)) == [] and cautions(findings(), findings(said)) == []


def test_images_compare_by_their_digest_where_it_is_known():
    one = findings({"data": "mine"}, digest="a")
    assert obstacles(one, findings({"data": "renamed"}, digest="a")) == []
    assert obstacles(one, findings({"data": "mine"}, digest="b")) == ["other images (mine, not mine)"]


def test_other_pulls_compare_with_a_caution():
    other = findings({"images": 1000, "epochs": 40})
    assert obstacles(findings(), other) == []
    assert cautions(findings(), other) == ["images 1000, not 500", "epochs 40, not 80"]


def test_a_difference_squares_and_adds_the_sides_that_face_each_other():
    change = difference(Estimate(0.50, 0.46, 0.53), Estimate(0.60, 0.56, 0.67))
    assert change.mean == pytest.approx(0.10)
    assert change.low == pytest.approx(0.10 - 0.05) and change.high == pytest.approx(0.10 + math.hypot(0.07, 0.04))


def test_a_difference_of_equal_normal_means_is_the_usual_interval():
    change = difference(Estimate(0.0, -1.96, 1.96), Estimate(1.0, -0.96, 2.96))
    assert change.high - change.mean == pytest.approx(1.96 * math.sqrt(2))


def test_an_unknown_interval_leaves_the_difference_without_one():
    change = difference(Estimate(0.5, math.nan, math.nan), Estimate(0.6, 0.5, 0.7))
    assert change.mean == pytest.approx(0.1) and math.isnan(change.low) and math.isnan(change.high)


def test_policies_that_both_have_come_first():
    one, two = findings(rows=2), findings(rows=4, name="two")
    assert shared_policies([one, two]) == ["policy 0", "policy 1", "policy 2", "policy 3"]
    assert shared_policies([one, two], most=1) == ["policy 0"]


def test_the_page_has_differences_only_where_they_mean_something():
    searches = [findings(name="one"), findings(name="two"), findings({"reward": "loss"}, name="three")]
    page = must_be_sound(compare_page(Shell("", "anna", "compare"), searches))
    text = " ".join(" ".join(page.text).split())
    assert "two minus one" in text and "three minus one" not in text
    assert "other reward (loss, not accuracy)" in text and "+0.00 points" in text


def test_the_page_without_two_searches_says_what_to_do():
    text = " ".join(must_be_sound(compare_page(Shell("", "anna", "compare"), [findings()])).text)
    assert "Tick two to 6 searches" in text


def test_hostile_names_are_text():
    rows = [{"name": HOSTILE, "pulls": 1, "mean": 0.5, "low": 0.4, "high": 0.6}]
    searches = [findings_of("1", HOSTILE, {"reward": HOSTILE}, {"leaderboard": rows}), findings(name="two")]
    page = must_be_sound(compare_page(Shell("", "anna", "compare"), searches))
    assert page.values("img", "src") == [] and any(SHOWN in text for text in page.text)
