"""Two searches on one page: what each found, differences where they mean something, and what was set differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from policysearch.core.files import write_whole
from policysearch.core.readable import readable_name
from policysearch.core.tasks import reward_title
from policysearch.experiments.search.report.arm_labels import label_of
from policysearch.experiments.search.report.classes import effects_of
from policysearch.experiments.search.report.comparability import cautions, changed_settings, obstacles
from policysearch.experiments.search.report.data import Material, must_have_a_reward
from policysearch.experiments.search.report.headline import found_on, when_it_ran
from policysearch.experiments.search.report.timeline import best_so_far
from policysearch.experiments.search.summary import ArmSummary
from policysearch.reports.class_effects import share_title
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.markup import document, figure, heading, paragraph, plots, statement, table
from policysearch.reports.html.plots import Cloud, Dot, clouds, dots
from policysearch.reports.numbers import PERCENT, duration, unit_of
from policysearch.reports.table import Grid
from policysearch.stats.independent import difference

_LISTED, _DRAWN = 200, 20
_POINTS = 1500  # of a line
_NOTE = (
    "Means over each search's own pulls with 95 % intervals; those of a difference are combined from both (Newcombe "
    "1998), one policy at a time, and cautious where the searches share replicates. An interval that contains 0 shows "
    "no difference; of many policies some differ by chance alone."
)


@dataclass(frozen=True)
class Pair:
    """Two searches with names that tell them apart."""

    first: Material
    other: Material

    @property
    def names(self) -> tuple[str, str]:
        """The folders' own names, or their paths where these are equal."""
        names = (self.first.name, self.other.name)
        return names if names[0] != names[1] else (str(self.first.folder), str(self.other.folder))


def write_both(first: Material, other: Material, path: Path) -> None:
    """Write the page as UTF-8; an old file is replaced when the new one is whole.

    Raises:
        UserError: no pull of one of them has ended with a reward.
    """
    must_have_a_reward(first)
    must_have_a_reward(other)
    write_whole(path, both(first, other))


def both(first: Material, other: Material) -> str:
    """What each found first, then differences, rewards over the search, classes, settings and cost."""
    pair = Pair(first, other)
    compare = not obstacles(first, other)
    parts = (
        _opening(pair),
        _policies(pair, compare),
        _over_time(pair) if compare else (),
        _classes(pair) if compare else (),
        _settings(pair),
        _cost(pair),
    )
    return document(" and ".join(pair.names), chain.from_iterable(parts))


def _opening(pair: Pair) -> Iterator[str]:
    yield heading(1, f"{pair.names[0]} and {pair.names[1]}: two searches on one page")
    for name, material in zip(pair.names, (pair.first, pair.other), strict=True):
        verdict = material.verdict
        title = verdict.title if verdict else f"{len(material.searched)} of {material.config.trials} pulls so far"
        sentences = [f"{verdict.sentence}."] if verdict else []
        yield statement(f"{name}: {title}", [*sentences, found_on(material)])
        yield when_it_ran(material)
    reasons = obstacles(pair.first, pair.other)
    if reasons:
        yield paragraph(f"Their rewards do not compare, since they have {'; '.join(reasons)}.", "caution")
        return
    effort = cautions(pair.first, pair.other)
    if effort:
        yield paragraph(f"They compare, but part of a difference may be due to {', '.join(effort)}.", "caution")


def _policies(pair: Pair, compare: bool) -> Iterator[str]:
    """What both have pulled, and in the confirmation what both have confirmed."""
    config = pair.first.config
    parts = (
        ("confirmed", "confirmation", pair.first.confirmation, pair.other.confirmation, config.last_reward),
        ("pulled", "search", pair.first.summaries, pair.other.summaries, config.reward),
    )
    yield heading(2, "Policies that both have tried")
    for verb, part, first, other, reward in parts:
        shared = _shared(first, other)
        if not shared:
            yield paragraph(f"No policy was {verb} by both.", "note")
            continue
        unit, title = unit_of(reward), reward_title(config.task, reward)
        if compare:
            panel = Panel(
                part, f"{pair.names[1]} minus {pair.names[0]}, {part}", f"difference of {title}{_of(unit.word)}", ""
            )
            rows = [
                Dot(label_of(a.arm), unit.scaled(difference(a.interval, b.interval)), 0) for a, b in shared[:_DRAWN]
            ]
            yield plots([figure(dots(panel, rows))])
        yield table(_grid(pair, f"Policies {verb} by both, in the {part}", shared[:_LISTED], reward, compare))
    yield paragraph(_NOTE, "note") if compare else ""


def _of(word: str) -> str:
    return f" [{word.strip()}]" if word else ""


def _shared(first: Sequence[ArmSummary], other: Sequence[ArmSummary]) -> list[tuple[ArmSummary, ArmSummary]]:
    """The arms that both have a reward of, in the order of the better of their means."""
    others = {summary.arm.key: summary for summary in other if summary.pulls}
    pairs = [(s, others[s.arm.key]) for s in first if s.pulls and s.arm.key in others]
    return sorted(pairs, key=lambda both: -max(both[0].mean, both[1].mean))


def _grid(pair: Pair, title: str, shared: Sequence[tuple[ArmSummary, ArmSummary]], reward: str, compare: bool) -> Grid:
    unit = unit_of(reward)
    heads = ["policy", *(head for name in pair.names for head in (f"{name} [95 %]", "pulls"))]
    rows = []
    for a, b in shared:
        cells = [label_of(a.arm), unit.estimate(a.interval), str(a.pulls), unit.estimate(b.interval), str(b.pulls)]
        rows.append((*cells, unit.change(difference(a.interval, b.interval))) if compare else tuple(cells))
    heads += [f"{pair.names[1]} minus {pair.names[0]} [95 %]"] if compare else []
    return Grid(title, tuple(heads), tuple(rows))


def _over_time(pair: Pair) -> Iterator[str]:
    """The best mean so far, by pull and by cost, a line for each search."""
    reward = pair.first.config.reward
    unit, name = unit_of(reward), reward_title(pair.first.config.task, reward)
    yield heading(2, "The best mean so far")
    axes = (("pull", "Best mean by pull"), ("workers' seconds, summed", "Best mean by cost"))
    yield plots(
        figure(clouds(Panel(f"best-{k}", title, x, unit.axis(name), (None, None)), _lines(pair, k, unit.factor)))
        for k, (x, title) in enumerate(axes)
    )
    yield paragraph("The line is the best mean of any arm so far; it is too good the more arms were tried.", "note")


def _lines(pair: Pair, axis: int, factor: float) -> list[Cloud]:
    lines = []
    for series, (name, material) in enumerate(zip(pair.names, (pair.first, pair.other), strict=True)):
        rows = material.searched
        best = factor * best_so_far(rows)
        x = np.cumsum([row.seconds for row in rows]) if axis else np.array([row.number + 1.0 for row in rows])
        there = np.flatnonzero(np.isfinite(best))[:: 1 + len(rows) // _POINTS]
        lines.append(Cloud(name, x[there], best[there], series, steps=True))
    return lines


def _classes(pair: Pair) -> Iterator[str]:
    """The accuracy, or IoU, of every class under either final policy."""
    effects = [effects_of(material) for material in (pair.first, pair.other)]
    first, other = ({e.name: e for e in of_run.classes} if of_run else {} for of_run in effects)
    rows = [(first[name].accuracy, other[name].accuracy, name) for name in first if name in other]
    if not rows:
        return
    cells = tuple(
        (readable_name(name), PERCENT.estimate(a), PERCENT.estimate(b), PERCENT.change(difference(a, b)))
        for a, b, name in rows
    )
    heads = ("class", *(f"{name} [95 %]" for name in pair.names), f"{pair.names[1]} minus {pair.names[0]} [95 %]")
    yield heading(2, "Class by class")
    titles = {share_title(of_run) for of_run in effects if of_run}
    share = titles.pop() if len(titles) == 1 else "share"
    yield table(Grid(f"{share[0].upper()}{share[1:]} by class under the final policies, on validation", heads, cells))
    yield paragraph(
        "Intervals are of one class at a time: of twenty classes one is expected to differ by chance.", "note"
    )


def _settings(pair: Pair) -> Iterator[str]:
    yield heading(2, "What was set differently")
    rows = changed_settings(pair.first, pair.other)
    if rows:
        yield table(Grid("Settings that differ", ("setting", *pair.names), tuple(rows)))
    else:
        yield paragraph("All settings are the same.")


def _cost(pair: Pair) -> Iterator[str]:
    yield heading(2, "Cost")
    facts = [_facts(material) for material in (pair.first, pair.other)]
    rows = tuple((name, facts[0][name], facts[1][name]) for name in facts[0])
    yield table(Grid("What they cost", ("", *pair.names), rows))


def _facts(material: Material) -> Mapping[str, str]:
    return {
        "pulls of the search": f"{len(material.searched):,}",
        "arms": f"{len(material.summaries):,}",
        "trainings of the confirmation": f"{len(material.confirmed):,}",
        "workers' time": duration(material.seconds),
    }
