"""What the final policy does to each class, compared with the fixed policies on the confirmation's replicates."""

from __future__ import annotations

from collections.abc import Iterator

from policysearch.core.tasks import task_named
from policysearch.experiments.search.report.data import Material
from policysearch.policy.presets import BASELINES, preset
from policysearch.reports.class_effects import (
    CAPTION,
    NOTE,
    drawn_against,
    effects_dots,
    effects_grid,
    effects_in_words,
    effects_panel,
)
from policysearch.reports.html.markup import figure, heading, paragraph, plots, table
from policysearch.reports.html.plots import dots
from policysearch.stats.class_effects import ClassEffects, class_effects
from policysearch.study.class_counts import class_shares

_NOTHING = "Nothing was confirmed on fresh replicates, or the networks are of a version that counted no classes."


def effects_of(material: Material) -> ClassEffects | None:
    """What the final policy does to each class; None where nothing was confirmed, or no class was counted."""
    if material.verdict is None or not task_named(material.config.task).has_classes:
        return None
    winner, confirmed = material.verdict.winner, {row.arm.key: row.arm for row in material.fresh}
    fixed = {preset(name).hash: name for name in BASELINES}
    others = {key: name for key, name in fixed.items() if key in confirmed and key != winner.key}
    if winner.key not in confirmed or not others:
        return None
    finalists = {summary.arm.key: summary.arm.name for summary in material.confirmation}
    shares = class_shares(material.fresh, {winner.key: winner.name, **finalists, **others}, material.classes)
    compared = [] if shares is None else [name for name in others.values() if name in shares.shares]
    return class_effects(winner.name, compared, shares) if shares is not None and compared else None


def class_by_class(material: Material) -> Iterator[str]:
    """The sentence, a picture of the differences, and the table; nothing where networks predict no classes."""
    if not task_named(material.config.task).has_classes:
        return
    yield heading(2, "Class by class")
    effects = effects_of(material)
    if effects is None:
        yield paragraph(_NOTHING, "note")
        return
    sentence = effects_in_words(effects)
    yield paragraph(f"{sentence[0].upper()}{sentence[1:]}.", "caution" if effects.harmed else "")
    other = drawn_against(effects)
    panel = effects_panel(effects, other, "accuracy")
    yield plots([figure(dots(panel, effects_dots(effects, other)), CAPTION)])
    yield table(effects_grid(effects, "validation"))
    yield paragraph(f"{NOTE}.", "note")


def classes_in_words(material: Material) -> str:
    """One line: the classes that the policy harms, or that none is clearly; empty where that is not known."""
    effects = effects_of(material)
    sentence = effects_in_words(effects) if effects is not None else ""
    return f"By class: {sentence}." if sentence else ""
