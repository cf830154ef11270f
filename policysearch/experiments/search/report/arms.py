"""Every arm: its mean with its interval, and the finalists on fresh replicates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.summary import ArmSummary
from policysearch.reports.html.markup import figure, folded, heading, paragraph, plots, table
from policysearch.reports.html.plots import Dot, Panel, dots
from policysearch.reports.numbers import duration, interval, number
from policysearch.reports.table import Grid
from policysearch.stats.intervals import Estimate, student

_PLOTTED = 20
_LISTED = 12
_NOTE = (
    "Intervals are 95 % t intervals from the deviation of one pull, pooled over all arms; where no arm has two pulls "
    "there are none. Shrunken: the mean drawn towards those "
    "of all arms, the more the fewer its pulls; arms are ranked by it."
)


def arms(material: Material) -> Iterator[str]:
    """The arms of the search and of the confirmation, as plots and as tables."""
    summaries, reward, last = material.summaries, material.config.reward, material.config.last_reward
    yield heading(2, "The arms")
    yield plots(_plots(material))
    yield table(_grid(f"The search: {len(summaries)} arms", summaries[:_LISTED], reward))
    rest = summaries[_LISTED:]
    yield folded(f"{len(rest)} more arms", table(_grid("The other arms", rest, reward))) if rest else ""
    if material.confirmation:
        winner = material.verdict.winner.key if material.verdict else ""
        yield table(
            _grid("The confirmation, on fresh common replicates", _by_mean(material.confirmation), last, winner)
        )
    yield paragraph(_NOTE, "note")


def _by_mean(summaries: Sequence[ArmSummary]) -> list[ArmSummary]:
    return sorted(summaries, key=lambda s: -s.mean if s.pulls else math.inf)


def _plots(material: Material) -> Iterator[str]:
    shown = [s for s in material.summaries if s.pulls]
    more = f"The {_PLOTTED} best of {len(shown)}." if len(shown) > _PLOTTED else ""
    panel = Panel("arms", "Mean of each arm in the search", material.config.reward, "")
    yield figure(dots(panel, [_dot(s, 0) for s in shown[:_PLOTTED]]), more)
    fresh = [s for s in _by_mean(material.confirmation) if s.pulls]
    if fresh:
        panel = Panel("finalists", "Finalists on fresh replicates", material.config.last_reward, "")
        yield figure(dots(panel, [_dot(s, 1) for s in fresh]))


def _dot(summary: ArmSummary, series: int) -> Dot:
    return Dot(summary.arm.name, _estimate(summary), series)


def _estimate(summary: ArmSummary) -> Estimate:
    return student(summary.mean, summary.error, summary.freedom + 1)


def _grid(title: str, summaries: Sequence[ArmSummary], reward: str, bold: str = "") -> Grid:
    heads = ("arm", "pulls", f"{reward} [95 %]", "shrunken", "failed", "worker time")
    rows = tuple(_row(summary) for summary in summaries)
    return Grid(title, heads, rows, tuple(s.arm.name for s in summaries if s.arm.key == bold))


def _row(summary: ArmSummary) -> tuple[str, ...]:
    pulls = f"{summary.pulls}" + (f" (+{summary.cheaper} cheaper)" if summary.cheaper else "")
    mean = interval(_estimate(summary), number)
    return summary.arm.name, pulls, mean, number(summary.shrunken), str(summary.failures), duration(summary.seconds)
