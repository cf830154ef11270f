"""Charts drawn by hand: marks stand at their values, say them, and nothing that is not a number is drawn."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from policysearch.reports.curves import Curve
from policysearch.reports.html.chart import WIDTH, Panel
from policysearch.reports.html.plots import Cloud, Dot, clouds, dots, lines
from policysearch.reports.html.scales import Scale
from policysearch.stats.estimate import Estimate
from tests.support.html_pages import read

PANEL = Panel("p", "A <title>", "x & x", "accuracy [%]", (None, None))
ODD = "<b>&\"'"


def circles(svg: str) -> list[tuple[float, float, str]]:
    """Place and tip of each circle that has one."""
    found = re.findall(r'<circle cx="([\d.-]+)" cy="([\d.-]+)"[^>]*><title>(.*?)</title>', svg)
    return [(float(x), float(y), tip) for x, y, tip in found]


def test_points_stand_at_their_values_and_say_them():
    x, y = np.array([0.0, 10.0, 20.0]), np.array([50.0, 75.0, 100.0])
    svg = clouds(PANEL, [Cloud("all", x, y, 0)])
    (first, middle, last) = circles(svg)
    assert middle[0] - first[0] == pytest.approx(last[0] - middle[0], abs=0.2) and first[0] < middle[0]
    assert first[1] - middle[1] == pytest.approx(middle[1] - last[1], abs=0.2) and first[1] > middle[1]
    assert [tip for _, _, tip in circles(svg)] == ["50 at 0", "75 at 10", "100 at 20"]
    assert all(0 <= place <= WIDTH for place, _, _ in circles(svg))


def test_a_curve_breaks_off_where_it_is_not_known():
    mean = np.array([0.2, math.nan, 0.4])
    none = np.full(3, math.nan)
    svg = lines(PANEL, [Curve("a", np.array([1.0, 2.0, 3.0]), mean, none, none)], ["a"])
    assert len(circles(svg)) == 2 and "nan" not in svg and 'class="area' not in svg


def test_percent_end_at_a_hundred_whatever_the_interval():
    ends = np.array([1.0, 2.0])
    band = Curve("a", ends, np.array([90.0, 95.0]), np.array([-40.0, -40.0]), np.array([160.0, 160.0]))
    names = re.findall(r'class="end">([^<]*)<', lines(PANEL, [band], ["a"]))
    assert names == ["0", "20", "40", "60", "80", "100"]


def test_dots_say_their_intervals_and_mark_zero():
    svg = dots(PANEL, [Dot(ODD, Estimate(1.0, -1.0, 3.0), 0), Dot("b", Estimate(math.nan, math.nan, math.nan), 1)])
    assert circles(svg)[0][2] == "&lt;b&gt;&amp;\"': 1 [-1, 3]" and 'class="zero"' in svg
    assert len(circles(svg)) == 1 and "nan " not in svg.replace("b nan", "")
    assert 'class="zero"' not in dots(PANEL, [Dot("a", Estimate(2.0, 1.0, 3.0), 0)])


def test_names_are_text():
    none = np.full(2, math.nan)
    curve = Curve(ODD, np.array([1.0, 2.0]), np.array([1.0, 2.0]), none, none)
    for svg in (lines(PANEL, [curve], [ODD]), clouds(PANEL, [Cloud(ODD, curve.x, curve.mean, 0)])):
        page = read(svg)
        assert not page.open and "b" not in {tag for tag, _ in page.tags} and ODD in page.text


@pytest.mark.parametrize(
    ("scale", "names"),
    [
        (Scale(0, 7, 0, 1, whole=True), ["0", "2", "4", "6"]),
        (Scale(1, 3, 0, 1, whole=True), ["1", "2", "3"]),
        (Scale(0.11, 0.13, 0, 1), ["0.110", "0.115", "0.120", "0.125", "0.130"]),
        (Scale(1, 400, 0, 1, logarithmic=True), ["1", "10", "100", "400"]),
        (Scale(-0.02, 0.02, 0, 1), ["-0.02", "-0.01", "0.00", "0.01", "0.02"]),
    ],
)
def test_axes_name_round_values(scale, names):
    assert scale.named(scale.ticks()) == names


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0])
def test_one_value_has_an_axis(value):
    svg = clouds(PANEL, [Cloud("one", np.array([value]), np.array([value]), 0)])
    assert len(circles(svg)) == 1 and "nan" not in svg
