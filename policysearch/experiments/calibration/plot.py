"""calibration.png: the cost of pulls against the regret of their picks, and against their rank correlation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from policysearch.experiments.calibration.advice import Advice
from policysearch.experiments.calibration.analysis import Analysis, Candidate
from policysearch.experiments.calibration.proxies import Estimated
from policysearch.reports.legend import legend_label
from policysearch.reports.picture import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:cyan", "tab:olive")
_FITTED = "black"
_LONGEST = 60  # letters of a reward
_WIDTH = 0.6  # of the rewards of one pull, beside each other


def write_picture(analysis: Analysis, advice: Advice, path: Path) -> None:
    """Draw both panels; intervals are 95 %."""
    with picture(path, 13, 5.5) as figure:
        left, right = figure.subplots(1, 2)
        _panel(
            left,
            analysis,
            advice,
            "expected regret of the pick [points of accuracy]",
            lambda c: _in_points(c.proxy.all),
        )
        left.axhline(
            100 * analysis.long_regret.value, color="grey", linestyle="--", label=f"picks by {analysis.long} itself"
        )
        _panel(right, analysis, advice, f"Spearman with {analysis.long}", lambda c: c.proxy.spearman)
        right.axhline(0, color="grey", linewidth=0.8)
        if advice.recommended:
            left.plot([], [], "*", color="gold", markeredgecolor="black", markersize=12, label="recommended")
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, fontsize=8, loc="outside lower center", ncols=4)


def _panel(axes: Axes, analysis: Analysis, advice: Advice, title: str, of: Callable[[Candidate], Estimated]) -> None:
    places = {leader.fidelity: i for i, leader in enumerate(advice.leaders)}
    plain = dict.fromkeys(c.reward for c in analysis.candidates if c.correction is None)
    rows = {reward: _COLOURS[i % len(_COLOURS)] for i, reward in enumerate(plain)} | {"": _FITTED}
    for i, (label, colour) in enumerate(rows.items()):
        # All fitted rewards share one row, the empty label: each fidelity has its own weights.
        candidates = [c for c in analysis.candidates if ("" if c.correction else c.reward) == label]
        at = [places[c.fidelity] + _WIDTH * (i / (len(rows) - 1) - 0.5) for c in candidates]
        if candidates:
            _points(axes, at, [of(c) for c in candidates], colour)
            axes.plot([], [], "o", color=colour, label=legend_label(label, _LONGEST) or "fitted (arm left out)")
        for x in (x for x, c in zip(at, candidates, strict=True) if c is advice.recommended):
            axes.plot(x, of(advice.chosen).value, "*", color="gold", markeredgecolor="black", markersize=16, zorder=5)
    labels = [f"{c.fidelity}\n{100 * c.share:.0f} %" for c in advice.leaders]
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlabel("pull (images x epochs) and its cost in long trainings")
    axes.set_title(title)
    axes.grid(alpha=0.25, axis="y")


def _in_points(estimated: Estimated) -> Estimated:
    """A fraction as percent."""
    return Estimated(*(100 * getattr(estimated, field.name) for field in fields(Estimated)))


def _points(axes: Axes, at: list[float], values: list[Estimated], colour: str) -> None:
    middle = np.array([v.value for v in values])
    low, high = (np.array([getattr(v, end) for v in values]) for end in ("low", "high"))
    bars = np.nan_to_num(np.clip([middle - low, high - middle], 0, None))
    axes.errorbar(at, middle, yerr=bars, fmt="o", color=colour, markersize=5, capsize=2, linewidth=1, alpha=0.8)
