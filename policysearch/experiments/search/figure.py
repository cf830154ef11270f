"""search.png: every arm's mean, and the rewards over the search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from policysearch.core.tasks import reward_title
from policysearch.experiments.search.summary import ArmSummary
from policysearch.reports.numbers import Unit, unit_of
from policysearch.reports.picture import picture
from policysearch.study.config import SearchConfig
from policysearch.study.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 25  # arms in the picture


def write_picture(path: Path, rows: Sequence[Row], summaries: Sequence[ArmSummary], config: SearchConfig) -> None:
    """Draw every arm's mean with its 95 % interval, and the rewards over the pulls."""
    unit, name = unit_of(config.reward), reward_title(config.task, config.reward)
    shown = [summary for summary in summaries if summary.pulls][:_MOST][::-1]
    best = summaries[0].arm.key if summaries else ""
    with picture(path, 12, max(4, 1.5 + 0.28 * len(shown))) as figure:
        left, right = figure.subplots(1, 2)
        _means(left, shown, unit)
        left.set_xlabel(unit.axis(name))
        _rewards(right, [row for row in rows if row.reward is not None], best, unit)
        right.set_ylabel(unit.axis(name))


def _means(axes: Axes, shown: Sequence[ArmSummary], unit: Unit) -> None:
    intervals = [unit.scaled(summary.interval) for summary in shown]
    places = range(len(shown))
    axes.errorbar(
        [interval.mean for interval in intervals],
        places,
        xerr=[0 if math.isnan(interval.high) else interval.high - interval.mean for interval in intervals],
        fmt="o",
        color="tab:blue",
        label="mean, 95 % interval" if any(summary.freedom for summary in shown) else "mean (no arm was pulled twice)",
    )
    shrunken = [unit.factor * summary.shrunken for summary in shown]
    axes.plot(shrunken, places, "k|", markersize=12, label="shrunken mean")
    axes.set_yticks(places, [f"{summary.arm.name} ({summary.pulls})" for summary in shown], fontsize=8)
    axes.set_title("arms (pulls), best on top")
    axes.legend(fontsize=8)


def _rewards(axes: Axes, done: Sequence[Row], best: str, unit: Unit) -> None:
    for is_best, style, label in ((False, "o", "other arms"), (True, "^", "best arm")):
        part = [row for row in done if (row.arm.key == best) is is_best]
        axes.plot(
            [row.number + 1 for row in part],
            [unit.factor * (row.reward or 0.0) for row in part],
            style,
            color="tab:orange" if is_best else "tab:gray",
            markersize=5,
            label=label,
        )
    axes.set_xlabel("pull")
    axes.set_title("rewards over the search")
    axes.legend(fontsize=8)
