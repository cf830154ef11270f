"""search.png: every arm's mean, and the rewards over the search."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from policysearch.experiments.search.summary import ArmSummary
from policysearch.study.rows import Row


def write_picture(path: Path, rows: Sequence[Row], summaries: Sequence[ArmSummary], reward: str) -> None:
    """search.png: every arm's mean and standard error, and the rewards over the pulls."""
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False}):  # a name may hold $
        _write(path, rows, summaries, reward)


def _write(path: Path, rows: Sequence[Row], summaries: Sequence[ArmSummary], reward: str) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [s for s in summaries if s.pulls][:25][::-1]
    figure = Figure(figsize=(12, max(4, 1.5 + 0.28 * len(shown))), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    places = range(len(shown))
    left.errorbar(
        [s.mean for s in shown],
        places,
        xerr=[0 if math.isnan(s.error) else s.error for s in shown],
        fmt="o",
        color="tab:blue",
        label="mean ± s.e.",
    )
    left.plot([s.shrunken for s in shown], places, "k|", markersize=12, label="shrunken mean")
    left.set_yticks(places, [f"{s.arm.name} ({s.pulls})" for s in shown], fontsize=8)
    left.set_xlabel(reward)
    left.set_title("arms (pulls), best on top")
    left.legend(fontsize=8)
    done = [row for row in rows if row.reward is not None]
    best = summaries[0].arm.key if summaries else ""
    for own, style, label in ((False, "o", "other arms"), (True, "^", "best arm")):
        part = [row for row in done if (row.arm.key == best) is own]
        right.plot(
            [r.number for r in part],
            [r.reward for r in part],
            style,
            color="tab:orange" if own else "tab:gray",
            markersize=5,
            label=label,
        )
    right.set_xlabel("pull")
    right.set_ylabel(reward)
    right.set_title("rewards over the search")
    right.legend(fontsize=8)
    figure.savefig(path, dpi=110)
