"""The plots of pages: curves with bands, points, and dots with intervals. Each is drawn small enough for a phone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.reports.curves import Curve
from policysearch.reports.html.chart import (
    SERIES,
    Frame,
    Panel,
    drawn,
    frame,
    legend,
    mark,
    path,
    polyline,
    short,
    steps,
    text,
)
from policysearch.reports.html.scales import Scale, opened
from policysearch.reports.numbers import figure_in_tip
from policysearch.stats.arrays import Floats
from policysearch.stats.estimate import Estimate

_DASHES = ("", "8 3", "2 2", "8 3 2 3")
_HEIGHT = 200  # of a field
_ROW = 34  # of a dot plot
_LONGEST, _LONGEST_OF_ROWS = 54, 62  # letters of a name in a legend, and where it has a line for itself
_IN_COLUMNS = 24  # letters of names that stand side by side
_Z = 1.96
_LOG = 8  # an axis over more than this is logarithmic
_MARKS = 13  # of a curve, at most


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
    """Points of one kind.

    Attributes:
        label: of the kind.
        x, y: [N] each.
        series: place of its colour and shape.
        steps: whether it is a line that keeps its height.
        tips: [N] what is said over each point; else its values are.
    """

    label: str
    x: Floats
    y: Floats
    series: int
    steps: bool = False
    tips: Sequence[str] = ()


def lines(
    panel: Panel,
    curves: Sequence[Curve],
    strategies: Sequence[str],
    *,
    plain: Sequence[str] = (),
    bands: bool = True,
) -> str:
    """Curves with bands as SVG.

    Args:
        panel: the titles.
        curves: one or more.
        strategies: a curve's colour, dashes and marks are by its place among these.
        plain: curves that are thin, grey and without marks: something to compare the others with.
        bands: whether intervals are drawn; else the marks alone say them.
    """
    field = frame(panel, _axis_of_curves(curves), _axis_of_values(panel, curves, bands), _HEIGHT)
    parts = [*field.parts]
    if bands:
        parts += [part for curve in curves for part in _band(field, curve, strategies)]
    parts += [part for curve in curves for part in _curve(field, curve, strategies, curve.strategy in plain)]
    names = [
        (4, curve.strategy, "3 3_") if curve.strategy in plain else _named(strategies.index(curve.strategy), curve)
        for curve in curves
    ]
    below, height = legend([(k, _cut(name), dash) for k, name, dash in names], field.height, _columns(curves))
    return drawn([*parts, *below], height, f"{panel.title}: {panel.y} against {panel.x}. {_ends(curves)}")


def _named(series: int, curve: Curve) -> tuple[int, str, str]:
    return series, curve.strategy, _dashes(series)


def _dashes(series: int) -> str:
    return _DASHES[(series + series // SERIES) % len(_DASHES)]


def _columns(curves: Sequence[Curve]) -> int:
    return 2 if max(len(curve.strategy) for curve in curves) <= _IN_COLUMNS else 1


def _cut(name: str, longest: int = _LONGEST) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _axis_of_curves(curves: Sequence[Curve]) -> Scale:
    values = np.concatenate([curve.x for curve in curves])
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > _LOG * low:
        return Scale(low, high, 0, 1, logarithmic=True)
    whole = bool((values == values.round()).all()) and high > 1
    return Scale(*(opened(low, high, 0.0)), 0, 1, whole=whole)


def _axis_of_values(panel: Panel, curves: Sequence[Curve], bands: bool) -> Scale:
    drawn_values = [curve.mean for curve in curves]
    if bands:
        drawn_values += [end for curve in curves for end in (curve.low, curve.high)]
    return _limited(panel, np.concatenate(drawn_values))


def _limited(panel: Panel, values: Floats) -> Scale:
    """The axis of y: over all values that are numbers unless the panel says where it ends; percent end at 0 and 100."""
    values = values[np.isfinite(values)]
    low, high = opened(float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if "%" in panel.y:
        low, high = max(0.0, low), min(100.0, high)
    low, high = (value if limit is None else limit for limit, value in zip(panel.limits, (low, high), strict=True))
    return Scale(low, high, 0, 1) if high > low else Scale(low, low + 1, 0, 1)


def _band(field: Frame, curve: Curve, strategies: Sequence[str]) -> Iterator[str]:
    inside = np.isfinite(curve.low) & np.isfinite(curve.high)
    if inside.sum() > 1:
        upper = _places(field, curve.x[inside], curve.high[inside])
        lower = _places(field, curve.x[inside], curve.low[inside])[::-1]
        yield path(f"{polyline([*upper, *lower])}z", f"area c{strategies.index(curve.strategy) % SERIES}")


def _places(field: Frame, x: Floats, y: Floats) -> list[tuple[float, float]]:
    return [(field.x.place(float(a)), field.y.place(float(b))) for a, b in zip(x, y, strict=True) if np.isfinite(b)]


def _curve(field: Frame, curve: Curve, strategies: Sequence[str], plain: bool) -> Iterator[str]:
    places = _places(field, curve.x, curve.mean)
    if not places:
        return
    if plain:
        yield path(polyline(places), "curve thin c4", dashes="3 3")
        return
    series = strategies.index(curve.strategy)
    yield path(polyline(places), f"curve c{series % SERIES}", dashes=_dashes(series))
    for point in _some(np.flatnonzero(np.isfinite(curve.mean))):
        x, y = float(curve.x[point]), Estimate(*(float(v[point]) for v in (curve.mean, curve.low, curve.high)))
        tip = f"{curve.strategy}: {figure_in_tip(y)} at {x:,.6g}"
        yield mark(series, (field.x.place(x), field.y.place(y.mean)), tip)


def _some(points: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[int]:
    """At most so many, evenly taken, both ends among them."""
    places = np.linspace(0, len(points) - 1, min(len(points), _MARKS)).round().astype(int)
    return [int(point) for point in points[places]]


def _ends(curves: Sequence[Curve]) -> str:
    return "At the end: " + ", ".join(f"{curve.strategy} {curve.mean[-1]:.4g}" for curve in curves)


def clouds(panel: Panel, kinds: Sequence[Cloud]) -> str:
    """Points, and lines in steps, as SVG."""
    x = np.concatenate([cloud.x for cloud in kinds])
    whole = bool((x == x.round()).all())
    axis = Scale(*opened(float(x.min()), float(x.max()), 0.02), 0, 1, whole=whole)
    field = frame(panel, axis, _limited(panel, np.concatenate([cloud.y for cloud in kinds])), _HEIGHT)
    parts = [*field.parts, *(part for cloud in kinds for part in _cloud(field, cloud))]
    names = [(cloud.series, _cut(cloud.label), "_" if cloud.steps else "-") for cloud in kinds]
    columns = min(3, len(kinds)) if all(len(cloud.label) <= 14 for cloud in kinds) else 1
    below, height = legend(names, field.height, columns)
    counts = ", ".join(f"{cloud.label} ends at {cloud.y[-1]:.4g}" for cloud in kinds if cloud.steps)
    return drawn([*parts, *below], height, f"{panel.title}: {panel.y} against {panel.x}. {counts}")


def _cloud(field: Frame, cloud: Cloud) -> Iterator[str]:
    if cloud.steps:
        places = _places(field, cloud.x, cloud.y)
        yield path(steps(places), f"curve c{cloud.series % SERIES}") if places else ""
        return
    tips = cloud.tips or [f"{y:.4g} at {x:,.6g}" for x, y in zip(cloud.x, cloud.y, strict=True)]
    size = 3.5 if len(cloud.x) <= 300 else 2.5
    for x, y, tip in zip(cloud.x.tolist(), cloud.y.tolist(), tips, strict=True):
        yield mark(cloud.series, (field.x.place(x), field.y.place(y)), tip, size)


def dots(panel: Panel, rows: Sequence[Dot]) -> str:
    """Dots with intervals as SVG, a row each with its label above it, the first on top."""
    ends = [end for row in rows for end in _reach(row) if math.isfinite(end)]
    low, high = opened(min(ends), max(ends), 0.06) if ends else (0.0, 1.0)
    y = Scale(0, len(rows), 0, 1)
    field = frame(panel, Scale(low, high, 0, 1), y, _ROW * len(rows) + 6, names_y=False)
    parts = [*field.parts, *_zero(field)]
    top = field.y.end
    parts += [part for place, row in enumerate(rows) for part in _dot(field, row, top + _ROW * place)]
    listed = ", ".join(f"{row.label} {row.estimate.mean:.4g}" for row in rows)
    return drawn(parts, field.height, f"{panel.title}, {panel.x}: {listed}")


def _zero(field: Frame) -> Iterator[str]:
    """A heavier line where nothing differs."""
    if field.x.low < 0 < field.x.high:
        yield path(f"M{short(field.x.place(0))} {short(field.y.end)}V{short(field.y.start)}", "zero")


def _reach(row: Dot) -> tuple[float, float, float]:
    """The ends of all that is drawn of a row."""
    value, error = row.estimate, 0.0 if math.isnan(row.error) else _Z * row.error
    low, high = (math.hypot(end - value.mean, error) for end in (value.low, value.high))
    return value.mean - low, value.mean, value.mean + high


def _dot(field: Frame, row: Dot, top: float) -> Iterator[str]:
    value, y = row.estimate, top + 24
    colour = f"c{row.series % SERIES}"
    yield text(_cut(row.label, _LONGEST_OF_ROWS), 0, top + 14, "halo")
    low, _, high = (field.x.place(end) if math.isfinite(end) else math.nan for end in _reach(row))
    if math.isfinite(low) and not math.isnan(row.error):
        yield path(f"M{short(low)} {short(y)}H{short(high)}", f"thin-bar {colour}")
    if math.isfinite(value.low):
        inner = [short(field.x.place(end)) for end in (value.low, value.high)]
        yield path(f"M{inner[0]} {short(y)}H{inner[1]}", f"bar {colour}", f"{row.label}: {figure_in_tip(value)}")
    if math.isfinite(value.mean):
        kind = "hollow" if row.hollow else "dot"
        tip = f"{row.label}: {figure_in_tip(value)}"
        yield mark(row.series, (field.x.place(value.mean), y), tip, 5, kind)
