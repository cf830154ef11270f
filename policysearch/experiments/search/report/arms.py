"""Every arm: its mean with its interval, and the finalists on fresh replicates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from policysearch.core.tasks import reward_title
from policysearch.experiments.search.report.arm_labels import label_of
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.never_pulled import NAMED, coverage_in_words, never_pulled
from policysearch.experiments.search.summary import ArmSummary
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.markup import figure, folded, heading, paragraph, plots, table
from policysearch.reports.html.plots import Dot, dots
from policysearch.reports.numbers import Unit, duration, unit_of
from policysearch.reports.table import Grid

_PLOTTED = 20
_LISTED = 500
_NOTE = (
    "Intervals are 95 % t intervals from the deviation of one pull, pooled over all arms; where no arm has two pulls "
    "there are none. Shrunken: the mean drawn towards those "
    "of all arms, the more the fewer its pulls; arms are ranked by it."
)


def arms(material: Material) -> Iterator[str]:
    """The arms of the search and of the confirmation, as plots and as tables."""
    summaries, config = material.summaries, material.config
    yield heading(2, "The arms")
    yield plots(_plots(material))
    yield paragraph(coverage_in_words(material))
    missing = never_pulled(material) or []
    if len(missing) > NAMED:
        names = ", ".join(missing[:_LISTED]) + (", …" if len(missing) > _LISTED else "")
        yield folded("The arms that were never pulled", paragraph(names, "words"))
    yield table(_grid(f"The search: {len(summaries):,} arms", summaries, config.task, config.reward))
    if material.confirmation:
        winner = material.verdict.winner.key if material.verdict else ""
        title, finalists = "The confirmation, on fresh common replicates", _by_mean(material.confirmation)
        yield table(_grid(title, finalists, config.task, config.last_reward, winner))
    yield paragraph(_NOTE, "note")


def _by_mean(summaries: Sequence[ArmSummary]) -> list[ArmSummary]:
    return sorted(summaries, key=lambda s: -s.mean if s.pulls else math.inf)


def _plots(material: Material) -> Iterator[str]:
    shown = [s for s in material.summaries if s.pulls]
    more = f"The {_PLOTTED} best of {len(shown)}." if len(shown) > _PLOTTED else ""
    task, reward, last = material.config.task, material.config.reward, material.config.last_reward
    unit = unit_of(reward)
    panel = Panel("arms", "Mean of each arm in the search", unit.axis(reward_title(task, reward)), "")
    yield figure(dots(panel, [_dot(s, 0, unit) for s in shown[:_PLOTTED]]), more)
    fresh = [s for s in _by_mean(material.confirmation) if s.pulls]
    if fresh:
        unit = unit_of(last)
        panel = Panel("finalists", "Finalists on fresh replicates", unit.axis(reward_title(task, last)), "")
        yield figure(dots(panel, [_dot(s, 1, unit) for s in fresh]))


def _dot(summary: ArmSummary, series: int, unit: Unit) -> Dot:
    return Dot(label_of(summary.arm), unit.scaled(summary.interval), series)


def _grid(title: str, summaries: Sequence[ArmSummary], task: str, reward: str, bold: str = "") -> Grid:
    heads = ("arm", "pulls", f"{reward_title(task, reward)} [95 %]", "shrunken", "failed", "worker time")
    rows = tuple(_row(summary, unit_of(reward)) for summary in summaries)
    return Grid(title, heads, rows, tuple(label_of(s.arm) for s in summaries if s.arm.key == bold))


def _row(summary: ArmSummary, unit: Unit) -> tuple[str, ...]:
    others = {"cheaper": summary.cheaper, "pruned": summary.pruned}
    pulls = f"{summary.pulls}" + "".join(f" (+{count} {kind})" for kind, count in others.items() if count)
    mean, shrunken = unit.estimate(summary.interval), unit.value(summary.shrunken)
    return label_of(summary.arm), pulls, mean, shrunken, str(summary.failures), duration(summary.seconds)
