"""What a policy does to each class: in a sentence, as tables and as dots."""

from __future__ import annotations

import math
from collections.abc import Sequence

from policysearch.core.readable import joined, readable_name
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.plots import Dot
from policysearch.reports.numbers import PERCENT
from policysearch.reports.table import Grid
from policysearch.stats.class_effects import IMAGES, PIXELS, ClassEffect, ClassEffects

_NAMED = 4
"""Classes of a sentence."""
_SHOWN = 30
"""Classes of a table and of a plot."""
_SHARES = {IMAGES: "accuracy", PIXELS: "IoU"}
"""What the shares are called, by their unit."""
_HARMED = 1
"""The place of the colour of classes that are clearly worse."""
NOTE = (
    "Differences are paired within replicates; their 95 % intervals hold for all classes and fixed policies at once "
    "(Bonferroni), so that where nothing differs any class is called harmed in at most 5 % of reports. That no class "
    "is called harmed is no proof that none is: see the difference that would have shown"
)


def effects_in_words(effects: ClassEffects) -> str:
    """Which classes the policy harms, in one sentence without its full stop; empty where there is nothing to compare.

    Args:
        effects: of the policy against fixed ones.
    """
    if not effects.others or not effects.classes:
        return ""
    count = len(effects.classes)
    if effects.runs < 2:
        return f"one replicate cannot tell which of the {count} classes {effects.name} harms"
    where = f"n = {effects.runs}, intervals for all {count} classes at once"
    harmed = effects.harmed
    if harmed:
        named = ", ".join(map(_harm, harmed[:_NAMED])) + (", …" if len(harmed) > _NAMED else "")
        return f"{effects.name} harms {len(harmed)} of {count} classes: {named} ({where})"
    seen = effects.detectable
    power = "" if math.isnan(seen) else f"; {_power(seen)}"
    return f"no class is clearly worse under {effects.name} than under {joined(effects.others)} ({where}{power})"


def _power(seen: float) -> str:
    """What loss would have shown, as a share; one of more than everything cannot be."""
    if seen > 1:
        return "with so few replicates and images no loss could have shown"
    return f"a loss of about {PERCENT.size(seen)} would have shown"


def _harm(effect: ClassEffect) -> str:
    assert effect.harm is not None
    return f"{readable_name(effect.name)} ({PERCENT.change(effect.harm.difference)} to {effect.harm.other})"


def effects_grid(effects: ClassEffects, part: str) -> Grid:
    """Every class's accuracy, or IoU, and its differences to the fixed policies; of many classes the most harmed ones.

    Args:
        effects: of the policy.
        part: what its images are of, "validation" or "the test part".
    """
    shown = _shown(effects)
    share = f"{share_title(effects)} under {effects.name} [95 %]"
    heads = ("class", effects.unit, share, *(f"minus {name}" for name in effects.others))
    title = f"Class by class on {part}"
    if len(shown) < len(effects.classes):
        title += f", the {len(shown)} of {len(effects.classes)} classes with the largest losses"
    bold = tuple(readable_name(effect.name) for effect in shown if effect.harm is not None)
    return Grid(title, heads, tuple(map(_row, shown)), bold)


def share_title(effects: ClassEffects) -> str:
    """What the classes' shares are called: accuracy, or IoU of masks."""
    return _SHARES[effects.unit]


def _shown(effects: ClassEffects) -> Sequence[ClassEffect]:
    """The classes in the order of their labels; of more than a table holds, those with the largest losses."""
    if len(effects.classes) <= _SHOWN:
        return effects.classes
    return sorted(effects.classes, key=lambda effect: effect.lowest)[:_SHOWN]


def _row(effect: ClassEffect) -> tuple[str, ...]:
    changes = (PERCENT.change(pair.difference) for pair in effect.differences)
    return readable_name(effect.name), f"{effect.images:,}", PERCENT.estimate(effect.accuracy), *changes


CAPTION = "95 % intervals for all classes and fixed policies at once; orange squares: clearly worse."
"""Of the picture."""


def effects_panel(effects: ClassEffects, other: str, metric: str) -> Panel:
    """The titles of the picture.

    Args:
        effects: of the policy.
        other: the fixed policy that it is drawn against.
        metric: what is compared, such as "test accuracy".
    """
    title = f"Every class: {effects.name} minus {other}"
    return Panel("classes", title, f"difference of {metric} [points], right is better", "")


def effects_dots(effects: ClassEffects, other: str) -> list[Dot]:
    """The differences of the classes to one fixed policy, in points; classes that are clearly worse have a colour.

    Args:
        effects: of the policy.
        other: the fixed policy.
    """
    place = effects.others.index(other)
    rows = []
    for effect in _shown(effects):
        difference = effect.differences[place].difference
        colour = _HARMED if difference.high < 0 else 0
        rows.append(Dot(readable_name(effect.name), PERCENT.scaled(difference), colour))
    return rows


def drawn_against(effects: ClassEffects) -> str:
    """The fixed policy whose picture says most: that to which the most classes lose clearly, else the first."""
    lost = dict.fromkeys(effects.others, 0)
    for effect in effects.classes:
        for pair in effect.differences:
            lost[pair.other] += pair.difference.high < 0
    return max(lost, key=lambda other: lost[other])
