"""Which families, operations and magnitudes mattered, as a section of the page and in a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.importance import Importance, ValueMean, importances
from policysearch.reports.html.markup import figure, folded, heading, paragraph, plots, table
from policysearch.reports.html.plots import Dot, Panel, dots
from policysearch.reports.numbers import Unit, unit_of
from policysearch.reports.table import Grid
from policysearch.stats.intervals import Estimate

_NOTE = (
    "Shares by PED-ANOVA (Watanabe et al. 2023) over the arms' shrunken means, each arm once: how far the values of "
    "the best arms are from those of all. A large share says that a parameter tells the best arms from the others, not "
    "by how much; a parameter of a family counts within that family alone. Arms of few pulls are noisy, and so are "
    "these."
)
_TABLES = 6  # of values that stand open


def mattered(material: Material) -> Iterator[str]:
    """The family's means first, then plots and tables of each family's parameters, and where too little is known."""
    yield heading(2, "Which operations and magnitudes mattered")
    found = importances(material.summaries)
    shown = [group for group in found if len(group.shares) > 1]
    panels = [(group, Panel(f"importance-{i}", f"Within {group.of}", "share", "")) for i, group in enumerate(shown)]
    yield plots(figure(dots(panel, _dots(group))) for group, panel in panels) if shown else ""
    yield from (paragraph(text, "note") for text in _without(found))
    yield from (_table(group, material.config.reward) for group in found[:_TABLES] if group.values)
    rest = "".join(_table(group, material.config.reward) for group in found[_TABLES:] if group.values)
    yield folded("More families", rest) if rest else ""
    yield paragraph(_NOTE, "note")


def _dots(group: Importance) -> list[Dot]:
    return [Dot(name, Estimate(share, math.nan, math.nan), 2) for name, share in group.shares.items()]


def _without(found: Sequence[Importance]) -> list[str]:
    """Why groups have no shares; those of one parameter need none."""
    return [group.reason for group in found if group.reason]


def _table(group: Importance, reward: str) -> str:
    title = "By family" if group.of == "family" else f"Within {group.of}"
    heads = ("value", "arms", "pulls", f"mean shrunken {reward}")
    return table(Grid(title, heads, tuple(_row(each, group, unit_of(reward)) for each in group.values)))


def _row(each: ValueMean, group: Importance, unit: Unit) -> tuple[str, ...]:
    name = each.value if group.of == "family" else f"{each.parameter} = {each.value}"
    return name, str(each.arms), str(each.pulls), unit.value(each.mean)


def mattered_in_words(material: Material) -> str:
    """One or two lines: the best families, and the parameter with the largest share within each family."""
    found, unit = importances(material.summaries), unit_of(material.config.reward)
    families = [each for each in found[0].values][:3]
    best = ", ".join(f"{each.value} {unit.value(each.mean)}" for each in families)
    inner = [f"within {group.of} {_largest(group)}" for group in found[1:] if len(group.shares) > 1]
    lines = [f"Best families by mean: {best}." if best and not found[0].reason else found[0].reason]
    return "\n".join([*lines, *([f"Importance: {'; '.join(inner)}."] if inner else [])])


def _largest(group: Importance) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in list(group.shares.items())[:2])
