"""evaluation.png: accuracy under patches, and paired differences of test accuracy with their intervals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from policysearch.experiments.evaluation.metrics import ACCURACY, OCCLUSION
from policysearch.experiments.evaluation.summary import Summary
from policysearch.reports.legend import legend_label
from policysearch.reports.picture import picture
from policysearch.stats.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:cyan", "tab:pink", "tab:olive")
_MARKERS = "osD^vPX*"
_APART = 0.22  # of a row, between its two references
_LONGEST = 44  # letters of a name


def write_plot(summary: Summary, path: Path) -> None:
    """Draw both panels, or the differences alone where nothing was judged under patches; intervals are 95 %."""
    under_patches = OCCLUSION[0] in summary.metrics
    with picture(path, 12, 5 + 0.2 * len(summary.measured.names)) as figure:
        panels = figure.subplots(1, 2 if under_patches else 1, squeeze=False)[0]
        if under_patches:
            _occlusion(panels[0], summary)
        _differences(panels[-1], summary)


def _occlusion(axes: Axes, summary: Summary) -> None:
    for i, name in enumerate(summary.measured.names):
        scores = [summary.metrics[metric].scores[i] for metric in OCCLUSION.values()]
        axes.errorbar(
            list(OCCLUSION),
            [100 * score.mean for score in scores],
            yerr=[_half(score.interval) for score in scores],
            label=legend_label(name, _LONGEST),
            color=_COLOURS[i % len(_COLOURS)],
            marker=_MARKERS[i % len(_MARKERS)],
            linewidth=2.4 if i == 0 else 1.2,
            capsize=3,
        )
    axes.set_xlabel("share of each test image that is hidden [%]")
    axes.set_ylabel("accuracy [%], 95 % interval")
    axes.set_title("under a square patch")
    axes.grid(alpha=0.25)
    _legend(axes)


def _differences(axes: Axes, summary: Summary) -> None:
    pairs = [*summary.metrics[ACCURACY].searched, *summary.metrics[ACCURACY].fixed]
    names = list(summary.measured.names)
    for k, other in enumerate(summary.references):
        shown = [pair for pair in pairs if pair.other == other and pair.n]
        label = f"to {legend_label(other, _LONGEST)}" + (
            ", the best fixed on validation" if other == summary.verdict.best else ""
        )
        axes.errorbar(
            [100 * pair.difference.mean for pair in shown],
            [-names.index(pair.name) - _APART * k for pair in shown],
            xerr=[_half(pair.difference) for pair in shown],
            fmt=_MARKERS[k],
            color=("black", "tab:red")[k],
            capsize=3,
            label=label,
        )
    axes.axvline(0, color="gray", linewidth=1)
    axes.set_yticks([-i for i in range(len(names))], [legend_label(name, _LONGEST) for name in names], fontsize=8)
    axes.set_xlabel(f"difference of test {summary.titles[ACCURACY].title} [points], 95 % interval; right is better")
    axes.set_title("paired within seeds")
    if summary.references:
        _legend(axes)


def _legend(axes: Axes) -> None:
    axes.legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False)


def _half(estimate: Estimate) -> float:
    half = 50 * (estimate.high - estimate.low)
    return 0.0 if math.isnan(half) else half
