"""The plots of pages: curves with bands, points, and dots with intervals. Each is drawn small enough for a phone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from policysearch.reports.curves import Curve
from policysearch.reports.html.svg import INK, SERIES, drawing, inline
from policysearch.reports.legend import legend_label
from policysearch.stats.arrays import Floats
from policysearch.stats.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_MARKERS = "osD^vPX*"
_DASHES = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_WIDTH = 4.6  # inches, of 72 units: about a phone's width with letters as large as the page's
_LONGEST, _LONGEST_OF_ROWS = 36, 54  # letters of a name in a legend, and where it has a line for itself
_Z = 1.96
_FEW = 5  # points that have a tick each
_LOG = 8  # an axis over more than this is logarithmic


@dataclass(frozen=True)
class Panel:
    """Titles of one plot; `name` begins its ids, `limits` are those of `y`."""

    name: str
    title: str
    x: str
    y: str
    limits: tuple[float | None, float | None] = (0.0, None)


@dataclass(frozen=True)
class Dot:
    """A row of a dot plot: the interval over runs, and a thin one that holds `error`, a standard error, besides."""

    label: str
    estimate: Estimate
    series: int
    error: float = math.nan
    hollow: bool = False


@dataclass(frozen=True)
class Cloud:
    """Points of one kind, [N] each, with the place of its colour and marker; `steps`: a line that keeps its height."""

    label: str
    x: Floats
    y: Floats
    series: int
    steps: bool = False


def lines(panel: Panel, curves: Sequence[Curve], strategies: Sequence[str]) -> str:
    """Curves with bands as inline SVG; a strategy's colour, dashes and marker are by its place in `strategies`."""
    names = [legend_label(curve.strategy, _LONGEST) for curve in curves]
    columns = 2 if max(map(len, names)) <= 20 else 1
    with drawing(_WIDTH, 3.0 + 0.2 * math.ceil(len(names) / columns)) as figure:
        axes = figure.subplots()
        handles = [_line(axes, curve, strategies.index(curve.strategy)) for curve in curves]
        _label(axes, panel)
        if _is_wide(curves):
            _logarithmic(axes, curves)
        elif len(curves[0].x) <= _FEW and all(np.array_equal(curve.x, curves[0].x) for curve in curves):
            _ticks(axes, curves[0].x.tolist())
        figure.legend(handles, names, loc="outside lower center", ncols=columns, handlelength=3.2)
        return inline(figure, panel.name, f"{panel.title}: {panel.y} against {panel.x}. {_ends(curves)}")


def _line(axes: Axes, curve: Curve, k: int) -> Line2D:
    colour = SERIES[k % len(SERIES)]
    axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.12, linewidth=0)
    (line,) = axes.plot(
        curve.x,
        curve.mean,
        color=colour,
        linestyle=_DASHES[(k + k // len(SERIES)) % len(_DASHES)],
        marker=_MARKERS[k % len(_MARKERS)],
        markersize=4.5,
        linewidth=1.6,
        clip_on=False,
        zorder=3,
    )
    return line


def _label(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, loc="left")
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    axes.set_ylim(*panel.limits)


def _is_wide(curves: Sequence[Curve]) -> bool:
    first = min(float(curve.x[0]) for curve in curves)
    return first > 0 and max(float(curve.x[-1]) for curve in curves) > _LOG * first


def _logarithmic(axes: Axes, curves: Sequence[Curve]) -> None:
    """Ticks at 1, 2 and 5 times powers of ten and at the end, written out."""
    low, high = min(float(curve.x[0]) for curve in curves), max(float(curve.x[-1]) for curve in curves)
    powers = 10.0 ** np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = (1, 2, 5) if high < 200 * low else (1,)
    between = [float(power * k) for power in powers for k in every if low * 0.99 <= power * k < high / 1.6]
    axes.set_xscale("log")
    _ticks(axes, [*between, high])


def _ticks(axes: Axes, places: Sequence[float]) -> None:
    axes.set_xticks(places, [f"{place:,.0f}" if place >= 1 else f"{place:.2g}" for place in places])
    axes.set_xticks([], minor=True)


def _ends(curves: Sequence[Curve]) -> str:
    return "At the end: " + ", ".join(f"{curve.strategy} {curve.mean[-1]:.4g}" for curve in curves)


def clouds(panel: Panel, kinds: Sequence[Cloud]) -> str:
    """Points, and lines in steps, as inline SVG."""
    with drawing(_WIDTH, 3.4) as figure:
        axes = figure.subplots()
        for cloud in kinds:
            _cloud(axes, cloud)
        _label(axes, panel)
        figure.legend(loc="outside lower center", ncols=min(3, len(kinds)), handlelength=2)
        counts = ", ".join(f"{cloud.label} ends at {cloud.y[-1]:.4g}" for cloud in kinds if cloud.steps)
        return inline(figure, panel.name, f"{panel.title}: {panel.y} against {panel.x}. {counts}")


def _cloud(axes: Axes, cloud: Cloud) -> None:
    colour, label = SERIES[cloud.series % len(SERIES)], legend_label(cloud.label, _LONGEST)
    if cloud.steps:
        axes.step(cloud.x, cloud.y, where="post", color=colour, label=label, linewidth=1.6)
        return
    marker = _MARKERS[cloud.series % len(_MARKERS)]
    axes.plot(cloud.x, cloud.y, marker, color=colour, label=label, markersize=4.5, alpha=0.8)


def dots(panel: Panel, rows: Sequence[Dot]) -> str:
    """Dots with intervals as inline SVG, a row each with its label above it, the first on top."""
    with drawing(_WIDTH, 1.1 + 0.42 * len(rows)) as figure:
        axes = figure.subplots()
        for place, row in enumerate(rows):
            _dot(axes, row, -place)
        _label(axes, panel)
        axes.set_ylim(0.4 - len(rows), 0.9)
        axes.locator_params(axis="x", nbins=5)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        said = ", ".join(f"{row.label} {row.estimate.mean:.4g}" for row in rows)
        return inline(figure, panel.name, f"{panel.title}, {panel.x}: {said}")


def _dot(axes: Axes, row: Dot, place: float) -> None:
    colour, value = SERIES[row.series % len(SERIES)], row.estimate
    outer = [math.hypot(end - value.mean, _Z * row.error) for end in (value.low, value.high)]
    axes.hlines(place, value.mean - outer[0], value.mean + outer[1], color=colour, linewidth=1.2)
    axes.hlines(place, value.low, value.high, color=colour, linewidth=4.5, alpha=0.55)
    marker = _MARKERS[row.series % len(_MARKERS)]
    axes.plot(value.mean, place, marker, color=colour, markersize=7, markerfacecolor="none" if row.hollow else colour)
    axes.text(
        0,
        place + 0.28,
        legend_label(row.label, _LONGEST_OF_ROWS),
        transform=axes.get_yaxis_transform(),
        fontsize=10,
        color=INK,
    )
