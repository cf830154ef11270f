"""Plots that are drawn by hand."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from policysearch.service.pages.plots import MOST_POINTS, Axes, curves, interval_bar, line, rewards, thinned, ticks
from tests.support.html_pages import read


@pytest.mark.parametrize(("low", "high"), [(0, 1), (3, 41), (0.7712, 0.7731), (-5, 5), (0, 1e6), (1e-9, 3e-9)])
def test_ticks_are_round_even_and_within(low, high):
    places = ticks(low, high)
    steps = [after - before for before, after in pairwise(places)]
    assert 2 <= len(places) <= 12 and all(low <= place <= high for place in places)
    assert max(steps) == pytest.approx(min(steps), rel=1e-2)


def test_axes_put_the_highest_on_top():
    axes = Axes((0.0, 10.0), (0.0, 1.0))
    assert axes.down(1.0) < axes.down(0.0) and axes.across(10.0) > axes.across(0.0)


def test_axes_of_a_single_value_have_room():
    axes = Axes((1.0, 1.0), (0.8, 0.8))
    assert axes.y[0] < 0.8 < axes.y[1] and axes.x[0] < axes.x[1]


def test_a_line_in_steps_keeps_its_height():
    axes = Axes((0.0, 2.0), (0.0, 1.0))
    path = read(line(axes, [(0.0, 0.0), (1.0, 1.0), (2.0, 0.5)], 0, steps=True)).values("path", "d")[0] or ""
    assert re.fullmatch(r"M[\d.]+ [\d.]+(H[\d.]+V[\d.]+){2}", path)


def test_two_thousand_points_at_most_and_the_last_among_them():
    points = [[number, 0.5, 0.5] for number in range(4 * MOST_POINTS + 3)]
    kept = thinned(points)
    assert len(kept) == MOST_POINTS and kept[-1] == points[-1]
    assert [row[0] for row in kept] == sorted({row[0] for row in kept})
    assert thinned(points[:10]) == points[:10]


def test_a_plot_of_thousands_of_pulls_is_small():
    html = rewards([[n, 0.5 + n % 9 / 100, 0.6] for n in range(9000)], 9000, "accuracy", str)
    dots = [d for d in read(html).values("path", "d") if d and "h0" in d]
    assert len(dots) == 1 and dots[0].count("h0") == MOST_POINTS
    assert len(html) < 100_000 and "9,000 pulls" in html


def test_pulls_without_a_reward_are_left_out():
    html = rewards([[0, 0.5, 0.5], [1, None, 0.5], [2, 0.7, None]], 3, "accuracy", str)
    assert html.count("h0") == 2


def test_names_of_curves_are_text():
    html = curves({"<b>1</b>": [[1, 0.5], [2, 0.6]]}, "accuracy", str)
    assert "<b>1" not in html and "<b>1</b>" in read(html).text


def test_names_of_lines_that_end_together_are_apart():
    html = curves({str(place): [[1, 0.5], [2, 0.6]] for place in range(6)}, "accuracy", str)
    heights = sorted(
        float(attributes["y"]) for _, attributes in read(html).tags if "name" in (attributes.get("class") or "")
    )
    assert len(heights) == 6 and all(after - before >= 12.9 for before, after in pairwise(heights))


def test_an_unknown_interval_has_a_mean_and_no_bar():
    assert 'class="bar"' not in interval_bar(float("nan"), 0.5, float("nan"), (0.0, 1.0))
    assert 'class="bar"' in interval_bar(0.4, 0.5, 0.6, (0.0, 1.0))
    assert 'class="zero"' in interval_bar(-0.1, 0.1, 0.3, (-0.1, 0.3), zero=True)
