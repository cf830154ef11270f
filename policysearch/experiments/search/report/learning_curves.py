"""How the networks of the best arms learned: accuracy and loss on validation over the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from policysearch.core.tasks import reward_title, task_named
from policysearch.experiments.search.report.arm_labels import label_of
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.summary import at_highest_fidelity
from policysearch.policy.presets import preset
from policysearch.reports.curves import Curve
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.markup import figure, heading, paragraph, plots
from policysearch.reports.html.plots import lines
from policysearch.reports.numbers import PERCENT
from policysearch.stats.arrays import Floats
from policysearch.stats.intervals import standard_error, student
from policysearch.study.rows import COMPLETE, Row

_DRAWN = 6
_LEAST = 2  # points of a curve
_NOTE = (
    "Means over an arm's pulls; the marks say 95 % intervals, of one arm by itself. A curve that still rises at its "
    "end says that longer pulls may rank this arm higher; strong policies learn more slowly."
)


def learning_curves(material: Material) -> Iterator[str]:
    """Two plots; nothing where no curve was recorded, or each has one point."""
    confirmed = [row for row in material.fresh if row.state == COMPLETE]
    rows = confirmed or at_highest_fidelity(material.searched)
    arms = _arms(material, bool(confirmed))
    accuracies, losses = (_curves(rows, arms, metric) for metric in ("accuracy", "loss"))
    if not accuracies:
        return
    yield heading(2, "Learning curves of the best arms")
    names = [arms[key] for key in arms]
    headline = reward_title(material.config.task, "accuracy")
    title = f"{headline[0].upper()}{headline[1:]} on validation"
    panels = (
        (Panel("curve-accuracy", title, "epochs", "%", (None, None)), accuracies),
        (Panel("curve-loss", "Loss on validation", "epochs", "loss", (None, None)), losses),
    )
    yield plots(figure(lines(panel, curves, names, bands=False)) for panel, curves in panels if curves)
    part = "confirmation" if confirmed else "search"
    yield paragraph(f"Networks of the {part}. {_NOTE}", "note")


def _arms(material: Material, confirmed: bool) -> dict[str, str]:
    """The arms that are drawn, by key: the winner, the best of the others, and doing nothing, as far as they are."""
    summaries = material.confirmation if confirmed else material.summaries
    best = sorted((s for s in summaries if s.pulls), key=lambda s: -s.mean)
    names = {summary.arm.key: label_of(summary.arm) for summary in best}
    winner = [material.verdict.winner.key] if material.verdict else []
    free = [preset(task_named(material.config.task).fixed[0]).hash]
    order = [key for key in dict.fromkeys([*winner, *names]) if key in names and key not in free][: _DRAWN - 1]
    return {key: names[key] for key in [*order, *free] if key in names}


def _curves(rows: Sequence[Row], arms: dict[str, str], metric: str) -> list[Curve]:
    """A curve for each arm that recorded some, over the epochs that all of its pulls have."""
    curves = []
    for key, name in arms.items():
        points = [_points(row, metric) for row in rows if row.arm.key == key]
        epochs = sorted(set.intersection(*map(set, points))) if points else []
        if len(epochs) >= _LEAST:
            values = np.array([[of_pull[epoch] for epoch in epochs] for of_pull in points])
            curves.append(_curve(name, epochs, values, PERCENT.factor if metric == "accuracy" else 1.0))
    return curves


def _points(row: Row, metric: str) -> dict[float, float]:
    return {
        float(point["epoch"]): float(point[metric])
        for point in row.outcome.metrics.get("curve") or ()
        if metric in point and np.isfinite(point[metric])
    }


def _curve(name: str, epochs: Sequence[float], values: Floats, factor: float) -> Curve:
    """[pulls, epochs] -> means with their own t intervals."""
    n = len(values)
    errors = standard_error(values) if n > 1 else np.full(len(epochs), np.nan)
    ends = [student(float(mean), float(error), n) for mean, error in zip(values.mean(0), errors, strict=True)]
    columns = np.array([(end.mean, end.low, end.high) for end in ends]).T * factor
    return Curve(name, np.array(epochs), *columns)
