"""Accuracy and calibrated log-likelihood by the number of views, as a picture and within the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from policysearch.experiments.tta.summary import Result, Summary
from policysearch.experiments.tta.verdict import ACCURACY, LIKELIHOOD
from policysearch.reports.html.svg import SERIES, drawing, inline
from policysearch.reports.picture import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TITLES = {ACCURACY: "Test accuracy", LIKELIHOOD: "Calibrated log-likelihood"}
_AXES = {ACCURACY: "accuracy [%]", LIKELIHOOD: "nats per test image"}
_COLOURS = ("tab:blue", "tab:orange", "tab:green")


def write_plot(result: Summary, path: Path) -> None:
    """Draw both metrics side by side."""
    with picture(path, 11, 4.6) as figure:
        for axes, metric in zip(figure.subplots(1, 2), (ACCURACY, LIKELIHOOD), strict=True):
            _draw(axes, result, metric, _COLOURS)


def in_page(result: Summary, metric: str) -> str:
    """One metric as inline SVG."""
    with drawing(5.4, 3.8) as figure:
        _draw(figure.subplots(), result, metric, SERIES)
        learned = result.results[0]
        value = learned.accuracy.mean if metric == ACCURACY else learned.log_likelihood.mean
        return inline(figure, metric, f"{_TITLES[metric]} by number of views; the learned ones end at {value:.4f}")


def _draw(axes: Axes, result: Summary, metric: str, colours: Sequence[str]) -> None:
    learned = sorted((way for way in result.results if way.kind in ("learned", "prefix")), key=lambda way: way.passes)
    draws = sorted((way for way in result.results if way.kind == "draws"), key=lambda way: way.passes)
    classics = [way for way in result.results if way.kind == "classic"]
    _line(axes, learned, metric, colours[0], "o-", "learned views")
    _line(axes, draws, metric, colours[1], "s--", "draws of the training policy")
    _line(axes, classics, metric, colours[2], "D", "classic")
    for way in classics:
        place = (way.passes, _value(way, metric))
        axes.annotate(way.name, place, xytext=(4, -9), textcoords="offset points", fontsize=7)
    axes.set_xlabel("views per image, a forward pass each")
    axes.set_ylabel(_AXES[metric])
    axes.set_title(_TITLES[metric], loc="left")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=7, frameon=False)


def _line(axes: Axes, points: Sequence[Result], metric: str, colour: str, form: str, label: str) -> None:
    x, y = [way.passes for way in points], [_value(way, metric) for way in points]
    axes.plot(x, y, form, color=colour, markersize=4.5, linewidth=1.4, label=label)


def _value(way: Result, metric: str) -> float:
    return 100 * way.accuracy.mean if metric == ACCURACY else way.log_likelihood.mean
