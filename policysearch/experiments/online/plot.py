"""What was chosen when, drawn: a row for each arm, darker where it had more of the training, and the rewards below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from policysearch.experiments.online.shares import Share, shares
from policysearch.experiments.online.summary import Summary
from policysearch.reports.html.svg import SERIES, drawing, inline
from policysearch.reports.legend import legend_label
from policysearch.reports.picture import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 30
_LONGEST = 40
_TITLE = "What was chosen when"


def write_plot(result: Summary, path: Path) -> None:
    """Draw online.png: the choices, and below them the rewards and the accuracy on validation."""
    rows = shares(result)[:MOST_ROWS]
    with picture(path, 10, 4.5 + 0.24 * len(rows)) as figure:
        top, middle, bottom = figure.subplots(3, 1, height_ratios=[max(1.0, 0.12 * len(rows)), 1, 1], sharex=True)
        _choices(top, rows, result, "tab:blue")
        _rewards(middle, result, "tab:orange")
        _accuracy(bottom, result, "tab:green")


def choices_in_page(result: Summary) -> str:
    """The choices as inline SVG."""
    rows = shares(result)[:MOST_ROWS]
    with drawing(7.6, 1.2 + 0.24 * len(rows)) as figure:
        axes = figure.subplots()
        _choices(axes, rows, result, SERIES[0])
        axes.set_xlabel("epoch")
        said = ", ".join(f"{row.name} {row.whole:.0%}" for row in rows[:8])
        return inline(figure, "choices", f"{_TITLE}, by share of the training: {said}")


def rewards_in_page(result: Summary) -> str:
    """The rewards as inline SVG."""
    with drawing(4.6, 3.0) as figure:
        axes = figure.subplots()
        _rewards(axes, result, SERIES[1])
        axes.set_xlabel("epoch")
        return inline(figure, "rewards", f"Reward of each stretch: {result.about['reward']} against epoch")


def accuracy_in_page(result: Summary) -> str:
    """The accuracy on validation as inline SVG."""
    with drawing(4.6, 3.0) as figure:
        axes = figure.subplots()
        _accuracy(axes, result, SERIES[2])
        axes.set_xlabel("epoch")
        last = result.curve[-1]["accuracy"]
        return inline(figure, "accuracy", f"Accuracy on validation against epoch; at the end {last:.4f}")


def _choices(axes: Axes, rows: Sequence[Share], result: Summary, colour: str) -> None:
    edges = np.linspace(0, float(result.about["epochs"]), len(rows[0].over_time) + 1)
    for place, row in enumerate(rows):
        used = np.flatnonzero(row.over_time > 0)
        colours = [(colour, float(0.15 + 0.85 * min(1.0, share))) for share in row.over_time[used]]
        axes.barh([-place] * len(used), np.diff(edges)[used], 0.8, left=edges[used], color=colours, linewidth=0)
    axes.set_yticks(
        [-place for place in range(len(rows))], [legend_label(row.name, _LONGEST) for row in rows], fontsize=8
    )
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(0.6 - len(rows), 0.6)
    axes.grid(False)
    axes.set_title(_TITLE, loc="left")


def _rewards(axes: Axes, result: Summary, colour: str) -> None:
    pulls = [pull for pull in result.pulls if pull.reward is not None]
    middles = [(pull.first + pull.last) / 2 for pull in pulls]
    size = 5.0 if len(pulls) <= 200 else 2.0
    axes.plot(middles, [pull.reward or 0.0 for pull in pulls], "o", color=colour, markersize=size, alpha=0.8)
    axes.set_ylabel(legend_label(str(result.about["reward"]), _LONGEST))
    axes.set_title("Reward of each stretch", loc="left")


def _accuracy(axes: Axes, result: Summary, colour: str) -> None:
    points = [(point["epoch"], 100 * point["accuracy"]) for point in result.curve]
    measured = [
        (pull.last, 100 * pull.metrics.get("validation_accuracy", math.nan)) for pull in result.pulls[:: result.width]
    ]
    points = sorted({point for point in [*points, *measured] if not math.isnan(point[1])})
    axes.plot([x for x, _ in points], [y for _, y in points], "s-", color=colour, markersize=4.5, linewidth=1.4)
    axes.set_ylabel("accuracy [%]")
    axes.set_xlabel("epoch")
    axes.set_title("Accuracy on validation", loc="left")
