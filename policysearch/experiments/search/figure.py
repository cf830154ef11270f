"""search.png: every arm's mean, and the rewards over the search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from policysearch.experiments.search.summary import ArmSummary
from policysearch.reports.numbers import unit_of
from policysearch.study.rows import Row


def write_picture(path: Path, rows: Sequence[Row], summaries: Sequence[ArmSummary], reward: str) -> None:
    """Draw every arm's mean with its 95 % interval, and the rewards over the pulls."""
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False}):  # a name may hold $
        _write(path, rows, summaries, reward)


def _write(path: Path, rows: Sequence[Row], summaries: Sequence[ArmSummary], reward: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [s for s in summaries if s.pulls][:25][::-1]
    unit = unit_of(reward)
    intervals = [unit.scaled(s.interval) for s in shown]
    figure = Figure(figsize=(12, max(4, 1.5 + 0.28 * len(shown))), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    places = range(len(shown))
    left.errorbar(
        [interval.mean for interval in intervals],
        places,
        xerr=[0 if math.isnan(interval.high) else interval.high - interval.mean for interval in intervals],
        fmt="o",
        color="tab:blue",
        label="mean, 95 % interval" if any(s.freedom for s in shown) else "mean (no arm was pulled twice)",
    )
    left.plot([unit.factor * s.shrunken for s in shown], places, "k|", markersize=12, label="shrunken mean")
    left.set_yticks(places, [f"{s.arm.name} ({s.pulls})" for s in shown], fontsize=8)
    left.set_xlabel(unit.axis(reward))
    left.set_title("arms (pulls), best on top")
    left.legend(fontsize=8)
    done = [row for row in rows if row.reward is not None]
    best = summaries[0].arm.key if summaries else ""
    for is_best, style, label in ((False, "o", "other arms"), (True, "^", "best arm")):
        part = [row for row in done if (row.arm.key == best) is is_best]
        right.plot(
            [r.number + 1 for r in part],
            [unit.factor * (r.reward or 0.0) for r in part],
            style,
            color="tab:orange" if is_best else "tab:gray",
            markersize=5,
            label=label,
        )
    right.set_xlabel("pull")
    right.set_ylabel(unit.axis(reward))
    right.set_title("rewards over the search")
    right.legend(fontsize=8)
    figure.savefig(path, dpi=110)
