"""Arms by their parameters: parallel coordinates of each family, and what every value of a parameter comes to."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from policysearch.core.tasks import reward_title
from policysearch.experiments.search.report.arm_labels import label_of
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.importance import importances
from policysearch.experiments.search.summary import ArmSummary
from policysearch.policy.families import own_parameters
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.markup import broad, figure, folded, heading, paragraph, plots
from policysearch.reports.html.parallel import Axis, parallel
from policysearch.reports.html.plots import Cloud, clouds
from policysearch.reports.html.strips import Strip, strips
from policysearch.reports.numbers import Unit, unit_of

_LEAST = 3  # arms of a family that is drawn
_THREADS, _POINTS = 250, 150
_BEST = 8  # threads in colour, at most
_AXES, _SLICES = 12, 6  # of a family
_UNFOLDED = 2  # families
_FAMILIES = 8
_ROWS = 16  # values of a slice
_LONGEST = 60  # letters of a name in a tip
_NOTE = (
    "A thread or a point is an arm at its mean in the search, the best of a family in colour; orange strokes and "
    "squares are means over the arms of a value. Arms of few pulls are noisy, the search pulled the promising ones "
    "more often, and values of one parameter come with different values of the others: a slice shows no effect by "
    "itself."
)


@dataclass(frozen=True)
class FamilyArms:
    """The arms of a family that have a reward.

    Attributes:
        name: of the family.
        arms: best first.
        parameters: those that differ between them, the most important first, with a value for each arm; None where an
            arm has none.
    """

    name: str
    arms: Sequence[ArmSummary]
    parameters: Mapping[str, Sequence[Any]]


def by_parameters(material: Material) -> Iterator[str]:
    """Charts of each family that has arms enough, the best family first; nothing where there is none."""
    families = families_of(material)[:_FAMILIES]
    if not families:
        return
    unit = unit_of(material.config.reward)
    title = unit.axis(reward_title(material.config.task, material.config.reward))
    yield heading(2, "Arms by their parameters")
    for place, family in enumerate(families):
        charts = "".join(_charts(family, place, unit, title))
        yield charts if place < _UNFOLDED else folded(f"Arms of {family.name}", charts)
    yield paragraph(_NOTE, "note")


def families_of(material: Material) -> list[FamilyArms]:
    """The families of which three arms or more have a reward and differ in a parameter, that of the best arm first."""
    shares = {group.of: group.shares for group in importances(material.summaries)}
    groups: dict[str, list[ArmSummary]] = {}
    for summary in material.summaries:
        if summary.pulls and not math.isnan(summary.mean) and "family" in summary.arm.parameters:
            groups.setdefault(str(summary.arm.parameters["family"]), []).append(summary)
    families = []
    for name, arms in groups.items():
        parameters = _varied(arms, shares.get(name, {}))
        if len(arms) >= _LEAST and parameters:
            families.append(FamilyArms(name, arms, parameters))
    return families


def _varied(arms: Sequence[ArmSummary], shares: Mapping[str, float]) -> dict[str, list[Any]]:
    """The parameters in which arms differ, by importance where that is known."""
    rows = [own_parameters(arm.arm.parameters) for arm in arms]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    varied = [name for name, values in columns.items() if len(set(values)) > 1]
    return {name: columns[name] for name in sorted(varied, key=lambda name: -shares.get(name, 0.0))}


def _charts(family: FamilyArms, place: int, unit: Unit, title: str) -> Iterator[str]:
    if len(family.parameters) > 1:
        yield from _coordinates(family, unit, title)
    names = list(family.parameters)[:_SLICES]
    yield plots(figure(_slice(family, name, f"slice-{place}-{k}", unit, title)) for k, name in enumerate(names))
    if len(family.parameters) > _SLICES:
        rest = ", ".join(list(family.parameters)[_SLICES:])
        yield paragraph(f"Not drawn as slices: {rest}.", "note")


def _coordinates(family: FamilyArms, unit: Unit, title: str) -> Iterator[str]:
    chosen = some(len(family.arms), _THREADS)
    axes = [
        Axis(name, ["none" if values[i] is None else values[i] for i in chosen])
        for name, values in list(family.parameters.items())[:_AXES]
    ]
    axes.append(Axis(title, [unit.factor * family.arms[i].mean for i in chosen], continuous=True))
    best = min(_BEST, math.ceil(len(family.arms) / 10))
    words = f"Arms of {family.name}"
    yield broad(parallel(words, axes, [_tip(family.arms[i], unit) for i in chosen], best), words)
    if len(chosen) < len(family.arms):
        words = f"Drawn are {len(chosen)} of {len(family.arms):,} arms: the best half of them, and others evenly."
        yield paragraph(words, "note")


def some(count: int, most: int) -> list[int]:
    """Places of at most so many of `count` things, best first: the first half of them, then others evenly.

    Example:
        >>> some(4, 6), some(100, 6)
        ([0, 1, 2, 3], [0, 1, 2, 3, 51, 99])
    """
    if count <= most:
        return list(range(count))
    first = most // 2
    return [*range(first), *np.linspace(first, count - 1, most - first).round().astype(int).tolist()]


def evenly(count: int, most: int) -> list[int]:
    """Places of at most so many of `count` things, the first and the last among them.

    Example:
        >>> evenly(3, 4), evenly(101, 3)
        ([0, 1, 2], [0, 50, 100])
    """
    return [int(place) for place in np.linspace(0, count - 1, min(count, most)).round()]


def _tip(summary: ArmSummary, unit: Unit) -> str:
    name = label_of(summary.arm)
    short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
    pulls = "1 pull" if summary.pulls == 1 else f"{summary.pulls} pulls"
    return f"{short}: {unit.value(summary.mean)}, {pulls}"


def _slice(family: FamilyArms, name: str, place: str, unit: Unit, title: str) -> str:
    """Points of arms over a parameter: against its numbers, or along a row for each of its values."""
    values = family.parameters[name]
    chosen = frozenset(evenly(len(family.arms), _POINTS))
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return _against(family, name, Panel(place, name, name, title, (None, None)), unit)
    members: dict[str, list[int]] = {}
    for i, value in enumerate(values):
        members.setdefault(str(value), []).append(i)
    rows = [_strip(value, family.arms, places, chosen, unit) for value, places in members.items()]
    rows.sort(key=lambda row: -row.mean)
    more = f", the {_ROWS} best of {len(rows)} values" if len(rows) > _ROWS else ""
    return strips(Panel(place, name + more, title, ""), rows[:_ROWS])


def _strip(value: str, arms: Sequence[ArmSummary], places: Sequence[int], chosen: Collection[int], unit: Unit) -> Strip:
    """The row of one value: its drawn arms, and the mean of all."""
    shown = [arms[i] for i in places if i in chosen]
    mean = unit.factor * float(np.mean([arms[i].mean for i in places]))
    return Strip(
        value, [unit.factor * arm.mean for arm in shown], [_tip(arm, unit) for arm in shown], mean, len(places)
    )


def _against(family: FamilyArms, name: str, panel: Panel, unit: Unit) -> str:
    numbers = np.array(family.parameters[name], dtype=np.float64)
    rewards = unit.factor * np.array([arm.mean for arm in family.arms])
    chosen = evenly(len(family.arms), _POINTS)
    distinct = np.unique(numbers)
    means = np.array([rewards[numbers == number].mean() for number in distinct])
    tips = [_tip(family.arms[i], unit) for i in chosen]
    points = Cloud("arms", numbers[chosen], rewards[chosen], 0, tips=tips)
    said = [
        f"{name} = {x:g}: mean {y:.4g} of {(numbers == x).sum()} arms" for x, y in zip(distinct, means, strict=True)
    ]
    return clouds(panel, [points, Cloud("mean of a value", distinct, means, 1, tips=said)])
