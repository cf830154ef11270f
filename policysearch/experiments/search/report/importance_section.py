"""Which families, operations and magnitudes mattered, as a section of the page and in a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from policysearch.core.tasks import reward_title
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.effects_section import effects_of
from policysearch.experiments.search.report.importance import FEWEST, Importance, ValueMean, importances
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.markup import figure, folded, heading, paragraph, plots, table, tables
from policysearch.reports.html.plots import Dot, dots
from policysearch.reports.numbers import Unit, unit_of
from policysearch.reports.table import Grid
from policysearch.stats.estimate import Estimate

_NOTE = (
    "Shares by PED-ANOVA (Watanabe et al. 2023) over the arms' shrunken means, each arm once: how far the values of "
    "the best arms are from those of all. A large share says that a parameter tells the best arms from the others, not "
    "by how much; a parameter of a family counts within that family alone. Arms of few pulls are noisy, and so are "
    "these."
)
_TABLES = 6  # of values that are shown unfolded


def mattered(material: Material) -> Iterator[str]:
    """The family's means first, then plots and tables of each family's parameters, and where too little is known."""
    yield heading(2, "Which operations and magnitudes mattered")
    groups = importances(material.summaries)
    shown = [group for group in groups if len(group.shares) > 1]
    panels = [(group, Panel(f"importance-{i}", f"Within {group.of}", "share", "")) for i, group in enumerate(shown)]
    yield plots(figure(dots(panel, _dots(group))) for group, panel in panels) if shown else ""
    yield from (paragraph(text, "note") for text in _without(groups))
    config = material.config
    shown_tables, rest = (
        tables(_table(group, config.task, config.reward) for group in part if group.values)
        for part in (groups[:_TABLES], groups[_TABLES:])
    )
    yield shown_tables
    yield folded("More families", rest) if rest else ""
    yield paragraph(_NOTE, "note")


def _dots(group: Importance) -> list[Dot]:
    return [Dot(name, Estimate(share, math.nan, math.nan), 2) for name, share in group.shares.items()]


def _without(groups: Sequence[Importance]) -> list[str]:
    """Why groups have no shares, those with too few arms in one sentence; those of one parameter need none."""
    few = [group for group in groups if group.reason and group.arms < FEWEST and group.of != "family"]
    names = ", ".join(f"{group.of} ({group.arms})" for group in few)
    sentence = (
        [f"Too few arms with a reward to say which parameter matters, {FEWEST} are needed: {names}."] if few else []
    )
    return [*(group.reason for group in groups if group.reason and group not in few), *sentence]


def _table(group: Importance, task: str, reward: str) -> str:
    title = "By family" if group.of == "family" else f"Within {group.of}"
    heads = ("value", "arms", "pulls", f"mean shrunken {reward_title(task, reward)}")
    return table(Grid(title, heads, tuple(_row(value, group, unit_of(reward)) for value in group.values)))


def _row(value: ValueMean, group: Importance, unit: Unit) -> tuple[str, ...]:
    name = value.value if group.of == "family" else f"{value.parameter} = {value.value}"
    return name, str(value.arms), str(value.pulls), unit.value(value.mean)


def mattered_in_words(material: Material) -> str:
    """One or two lines: the best families, and the parameter with the largest share within each family.

    Empty where the effects of factors are known, which say more.
    """
    if isinstance(effects_of(material), list):
        return ""
    groups = importances(material.summaries)
    of_families = [group for group in groups if group.of == "family"]
    inner = [
        f"within {group.of} {_largest(group)}" for group in groups if group.of != "family" and len(group.shares) > 1
    ]
    lines = [_best_families(group, material.config.reward) for group in of_families]
    return "\n".join([*lines, *([f"Importance: {'; '.join(inner)}."] if inner else [])])


def _best_families(group: Importance, reward: str) -> str:
    best = ", ".join(f"{family.value} {unit_of(reward).value(family.mean)}" for family in group.values[:3])
    return f"Best families by mean: {best}." if best and not group.reason else group.reason


def _largest(group: Importance) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in list(group.shares.items())[:2])
