"""The tables of a test-time policy as text; the terminal, the page and tta.md show the same ones."""

from __future__ import annotations

from collections.abc import Sequence

from policysearch.child.network_names import network_title
from policysearch.experiments.tta.summary import Result, Summary
from policysearch.experiments.tta.verdict import ACCURACY, LIKELIHOOD, UNITS
from policysearch.experiments.tta.ways import PLAIN
from policysearch.reports.numbers import probability
from policysearch.reports.table import Grid
from policysearch.stats.paired import PairedTest

NOTES = (
    "brackets are 95 % intervals over networks and test images, both samples; differences are paired within both",
    "p: two-sided t test of the two-way random-effects model, corrected by Holm over all differences of the table",
    "calibrated log-likelihood: mean log-probability of the true class after a temperature, which is fitted on "
    "validation for all networks together; more is better",
    "views were chosen on validation, and so was the best classic policy of equal cost; all of it before the test part "
    "was read",
)
"""What the figures are."""


def grids(result: Summary) -> list[Grid]:
    """All ways, the differences that decide, and the learned views one by one."""
    return [_ways(result), _differences(result), _views(result)]


def _ways(result: Summary) -> Grid:
    heads = (
        *("test-time policy", "passes", "time", "validation log-likelihood", "accuracy [95 %]"),
        *("calibrated log-likelihood [95 %]", "uncalibrated", "temperature"),
    )
    shown = [way for way in result.results if way.kind != "prefix"]
    plain = result.result(PLAIN).seconds
    rows = tuple(_way(way, plain) for way in sorted(shown, key=lambda way: (way.passes, way.kind != "learned")))
    return Grid("On the test part", heads, rows, (result.results[0].name,))


def _way(way: Result, plain: float) -> tuple[str, ...]:
    return (
        way.name,
        str(way.passes),
        f"× {way.seconds / plain:.1f}" if plain else "–",
        f"{way.validation_log_likelihood:z.4f}",
        UNITS[ACCURACY].estimate(way.accuracy),
        UNITS[LIKELIHOOD].estimate(way.log_likelihood),
        f"{way.plain_log_likelihood:z.4f}",
        f"{way.temperature:.3f}",
    )


def _differences(result: Summary) -> Grid:
    heads = ("test-time policy", "minus", "accuracy [95 %]", "p (Holm)", "calibrated log-likelihood [95 %]", "p (Holm)")
    rows = [
        (pair.name, pair.other, *_cells(pair.accuracy, ACCURACY), *_cells(pair.log_likelihood, LIKELIHOOD))
        for pair in result.comparisons
    ]
    return Grid("Differences", heads, tuple(rows))


def _cells(pair: PairedTest, metric: str) -> Sequence[str]:
    return UNITS[metric].change(pair.difference), probability(pair.holm).removeprefix("= ")


def _views(result: Summary) -> Grid:
    heads = ("view", "what it is", "validation log-likelihood with it", "test accuracy with it")
    learned = result.results[0]
    by_count = {way.passes: way for way in result.results if way.kind in ("prefix", "learned")}
    rows = [
        (str(number), view, f"{result.trace[number - 1]:z.4f}", UNITS[ACCURACY].value(by_count[number].accuracy.mean))
        for number, view in enumerate(learned.views, start=1)
    ]
    return Grid("The learned views, in the order in which they were added", heads, tuple(rows))


def conditions_in_words(result: Summary) -> str:
    """The data, the networks and the pool."""
    about = result.about
    network = network_title(about["model"], about.get("weights"))
    return (
        f"{about['networks']} networks ({network}) under {about['policy']}, {about['images']:,} training images "
        f"× {about['epochs']} epochs of {about['data']}; views chosen from {about['candidates']} on "
        f"{about['validation_images']:,} validation images, judged on {about['test_images']:,} test images"
    )
