"""The tables of an evaluation as text; the terminal and evaluation.md show the same ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from policysearch.experiments.evaluation.metrics import ACCURACY, ERROR, OCCLUSION, OF_ONE_TASK, Metric
from policysearch.experiments.evaluation.summary import Summary
from policysearch.reports.class_effects import effects_grid
from policysearch.reports.numbers import probability
from policysearch.reports.table import Grid
from policysearch.stats.paired import PairedTest

_OF_POLICIES = (ACCURACY, *OF_ONE_TASK, "loss", "ece", "entropy", "validation_accuracy", "worker_seconds")
NOTES = (
    "brackets are 95 % t intervals over seeds, of means and of differences, which are paired within seeds",
    "p: two-sided paired t test, corrected by Holm over the comparisons of one metric; detectable: the true "
    "difference that so many seeds show with 80 % power at the 5 % level, before Holm",
    "the best fixed policy is the best on validation; every network was trained on the same replicates as all others",
)
"""What the figures are."""
_AGAINST = ("difference [95 %]", "p", "p (Holm)", "detectable")


def grids(summary: Summary) -> list[Grid]:
    """Every policy's metrics, its accuracy under patches, differences to the references, and every class."""
    searched = summary.measured.searched
    of_searched = [_differences(summary, searched, other) for other in summary.references]
    of_fixed = [_of_fixed(summary, other) for other in summary.references]
    by_class = [effects_grid(summary.by_class, "the test part")] if summary.by_class is not None else []
    occlusion = [_occlusion(summary)] if has_occlusion(summary) else []
    shown = [grid for grid in of_fixed if grid.rows]
    return [_policies(summary), *occlusion, *of_searched, *shown, *by_class]


def has_occlusion(summary: Summary) -> bool:
    """Whether networks were judged on images under patches."""
    return OCCLUSION[0] in summary.metrics


def _policies(summary: Summary) -> Grid:
    titles = summary.titles
    shown = [name for name in _OF_POLICIES if name in summary.metrics]
    heads = ("policy", "seeds", *(f"{titles[name].title} [95 %]" for name in shown))
    rows = []
    for i, name in enumerate(summary.measured.names):
        scores = [summary.metrics[metric].scores[i] for metric in shown]
        cells = [titles[metric].unit.estimate(s.interval) for s, metric in zip(scores, shown, strict=True)]
        rows.append((name, str(scores[0].n), *cells))
    return Grid("On the test part", heads, tuple(rows), (summary.measured.searched,))


def _occlusion(summary: Summary) -> Grid:
    heads = ("policy", *(f"{share} % hidden [95 %]" for share in OCCLUSION))
    rows = [
        (name, *(summary.titles[m].unit.estimate(summary.metrics[m].scores[i].interval) for m in OCCLUSION.values()))
        for i, name in enumerate(summary.measured.names)
    ]
    title = "Accuracy on the test part, a square patch hiding a share of each image"
    return Grid(title, heads, tuple(rows), (summary.measured.searched,))


def _differences(summary: Summary, policy: str, other: str) -> Grid:
    rows = []
    for name in summary.metrics:
        metric = summary.titles[name]
        if name in (ERROR, OCCLUSION[0]) or not summary.measured.has(name):  # the accuracy says the first two
            continue
        pairs = [pair for pair in summary.metrics[name].searched if pair.other == other]
        rows += [(metric.compared, *_cells(pair, metric)) for pair in pairs]
    title = f"{policy} minus {_title(summary, other)}"
    return Grid(title, ("metric", *_AGAINST), tuple(rows), (summary.titles[ACCURACY].compared,))


def _of_fixed(summary: Summary, other: str) -> Grid:
    metric = summary.titles[ACCURACY]
    rows = [(pair.name, *_cells(pair, metric)) for pair in summary.metrics[ACCURACY].fixed if pair.other == other]
    return Grid(f"Test {metric.title} of the others minus that of {other}", ("policy", *_AGAINST), tuple(rows))


def _title(summary: Summary, other: str) -> str:
    return f"{other}, the best fixed policy" if other == summary.verdict.best else other


def _cells(pair: PairedTest, metric: Metric) -> Sequence[str]:
    unit = metric.unit
    return unit.change(pair.difference), _p(pair.p), _p(pair.holm), unit.size(pair.detectable)


def _p(p: float) -> str:
    return "–" if math.isnan(p) else probability(p).removeprefix("= ")
