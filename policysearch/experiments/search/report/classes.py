"""What the final policy does to each class, compared with the fixed policies on the confirmation's replicates."""

from __future__ import annotations

from collections.abc import Iterator

from policysearch.core.readable import readable_name
from policysearch.core.tasks import task_named
from policysearch.experiments.search.report.data import Material
from policysearch.policy.presets import preset
from policysearch.reports.class_effects import (
    CAPTION,
    NOTE,
    drawn_against,
    effects_dots,
    effects_grid,
    effects_in_words,
    effects_panel,
    share_title,
)
from policysearch.reports.html.markup import figure, folded, heading, paragraph, plots, table
from policysearch.reports.html.plots import dots
from policysearch.reports.numbers import PERCENT
from policysearch.reports.table import Grid
from policysearch.stats.class_effects import ClassEffects, ClassShares, class_effects
from policysearch.study.class_counts import class_metric, class_shares

_NOTHING = "Nothing was confirmed on fresh replicates, or the networks are of a version that counted no classes."


def effects_of(material: Material) -> ClassEffects | None:
    """What the final policy does to each class; None where nothing was confirmed, or no class was counted."""
    shares, others = _shares(material)
    if material.verdict is None or shares is None:
        return None
    compared = [name for name in others if name in shares.shares]
    return class_effects(material.verdict.winner.name, compared, shares) if compared else None


def _shares(material: Material) -> tuple[ClassShares | None, list[str]]:
    """The classes' shares of the winner, the finalists and the fixed policies, and the names of the last."""
    metric = class_metric(material.config.task)
    if material.verdict is None or not metric:
        return None, []
    winner, confirmed = material.verdict.winner, {row.arm.key: row.arm for row in material.fresh}
    fixed = {preset(name).hash: name for name in task_named(material.config.task).fixed}
    others = {key: name for key, name in fixed.items() if key in confirmed and key != winner.key}
    if winner.key not in confirmed or not others:
        return None, []
    finalists = {summary.arm.key: summary.arm.name for summary in material.confirmation}
    arms = {winner.key: winner.name, **finalists, **others}
    return class_shares(material.fresh, arms, material.classes, metric), list(others.values())


def _every_finalist(material: Material, share: str) -> Grid:
    """Means over the common replicates, a column for each finalist, the winner first."""
    shares, _ = _shares(material)
    assert shares is not None
    means = {name: of_arm.mean(0) for name, of_arm in shares.shares.items()}
    rows = tuple(
        (readable_name(name), f"{int(images):,}", *(PERCENT.value(float(mean[k])) for mean in means.values()))
        for k, (name, images) in enumerate(zip(shares.names, shares.images, strict=True))
        if images > 0
    )
    return Grid(f"{share} by class on validation", ("class", shares.unit, *means), rows)


def class_by_class(material: Material) -> Iterator[str]:
    """The sentence, a picture of the differences, and the table; nothing where networks predict no classes."""
    if not class_metric(material.config.task):
        return
    yield heading(2, "Class by class")
    effects = effects_of(material)
    if effects is None:
        yield paragraph(_NOTHING, "note")
        return
    sentence = effects_in_words(effects)
    yield paragraph(f"{sentence[0].upper()}{sentence[1:]}.", "caution" if effects.harmed else "")
    other = drawn_against(effects)
    title = share_title(effects)
    share = f"{title[0].upper()}{title[1:]}"
    panel = effects_panel(effects, other, title)
    yield plots([figure(dots(panel, effects_dots(effects, other)), CAPTION)])
    yield table(effects_grid(effects, "validation"))
    yield folded(f"{share} of every class under every finalist", table(_every_finalist(material, share)))
    yield paragraph(f"{NOTE}.", "note")


def classes_in_words(material: Material) -> str:
    """One line: the classes that the policy harms, or that none is clearly; empty where that is not known."""
    effects = effects_of(material)
    sentence = effects_in_words(effects) if effects is not None else ""
    return f"By class: {sentence}." if sentence else ""
