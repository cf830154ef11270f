"""What each factor of the space adds, as a section of the page and in a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from policysearch.core.errors import UserError
from policysearch.experiments.search.ablation import without_factors
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.summary import at_highest_fidelity
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.markup import figure, folded, heading, paragraph, table
from policysearch.reports.html.plots import Dot, dots
from policysearch.reports.numbers import unit_of
from policysearch.reports.table import Grid
from policysearch.study.additive.effects import Effect, effects
from policysearch.study.additive.factors import factors_of
from policysearch.study.additive.settings import NAME, AdditiveSettings, parsed_settings
from policysearch.study.additive.strategy import observed

_SPARE = 5
"""Pulls with a reward that are needed beyond the number of effects."""
_SHOWN = 5
_NOTE = (
    "A level's effect is what it adds to the first level of its factor, whatever the other factors are, by a linear "
    "model of all pulls, in which replicates have effects too. The intervals are 95 % each, so of twenty levels that "
    "do nothing one is expected to seem to do something; in simulated searches 92 to 97 of 100 held the truth, "
    "the fewer where the search itself chose what to pull. A factor that helps some policies and harms others is "
    "averaged."
)

_TAKEN_AWAY = (
    "The winner was trained again on {n} fresh replicates, and beside it the same policy with one factor at its first "
    "level: the difference is what that factor adds to this policy, with a 95 % interval of the paired t. In the first "
    "colour are those that remain clear after Holm's correction over all factors."
)


def factor_effects(material: Material) -> Iterator[str]:
    """What was taken away from the winner, then a picture and a table of what each level adds by the model.

    Nothing where the space is no product of factors.
    """
    yield from _taken_away(material)
    measured = effects_of(material)
    if measured is None:
        return
    yield heading(2, "What each factor adds")
    if isinstance(measured, str):
        yield paragraph(measured, "note")
        return
    unit = unit_of(material.config.reward)
    panel = Panel("effects", f"Added to the {material.config.reward}", unit.word.strip() or material.config.reward, "")
    rows = [
        Dot(f"{effect.factor}: {effect.level} over {effect.reference}", unit.scaled(effect.difference), series)
        for series, of_factor in enumerate(_by_factor(measured))
        for effect in of_factor
        if not math.isnan(effect.difference.low)
    ]
    yield figure(dots(panel, rows)) if rows else ""
    yield folded("As a table", table(_grid(material, measured)))
    yield paragraph(_NOTE, "note")


def _taken_away(material: Material) -> Iterator[str]:
    """A picture of what each of the winner's factors adds to it, where there was an ablation."""
    pairs = [pair for pair in material.ablation if not math.isnan(pair.difference.low)]
    words = _ablation_in_words(material)
    if not words:
        return
    yield heading(2, "The winner without each of its factors")
    if not pairs:
        yield paragraph(words, "note")
        return
    unit = unit_of(material.config.last_reward)
    panel = Panel("ablation", "Lost without it", unit.word.strip() or material.config.last_reward, "")
    rows = [Dot(f"{pair.name} over {pair.other}", unit.scaled(pair.difference), int(not pair.clear)) for pair in pairs]
    yield figure(dots(panel, rows))
    yield paragraph(_TAKEN_AWAY.format(n=max(pair.n for pair in pairs)), "note")


def effects_of(material: Material) -> list[Effect] | str | None:
    """The effects of all levels; a sentence where there are too few pulls; None where the space has no factors."""
    try:
        factors = factors_of(material.space)
    except UserError:
        return None
    observations = observed(factors, at_highest_fidelity(material.searched))
    needed = sum(size - 1 for size in factors.sizes) + _SPARE
    if len(observations.rewards) < needed:
        count = len(observations.rewards)
        points = "1 pull is a point" if count == 1 else f"{count} pulls are points"
        return f"{points} of the space's factors, and {needed} are needed to say what each adds."
    strategy = material.config.strategy
    settings = parsed_settings(strategy) if strategy.partition(":")[0] == NAME else AdditiveSettings()
    return effects(observations, factors, settings.interactions)


def _by_factor(measured: Sequence[Effect]) -> list[list[Effect]]:
    return [list(of_factor) for _, of_factor in groupby(measured, key=lambda effect: effect.factor)]


def _grid(material: Material, measured: Sequence[Effect]) -> Grid:
    unit = unit_of(material.config.reward)
    rows = tuple(
        (f"{effect.factor} = {effect.level}", str(effect.reference), str(effect.pulls), unit.change(effect.difference))
        for effect in measured
    )
    helpful = tuple(f"{effect.factor} = {effect.level}" for effect in measured if effect.difference.low > 0)
    return Grid("What each level adds", ("level", "over", "pulls", "adds [95 %]"), rows, helpful)


def effects_in_words(material: Material) -> str:
    """A line on the ablation, and one on the model: the levels whose intervals leave out 0, the largest first."""
    lines = (_ablation_in_words(material), _model_in_words(material))
    return "\n".join(filter(None, lines))


def _ablation_in_words(material: Material) -> str:
    unit = unit_of(material.config.last_reward)
    parts = [f"{pair.name} {unit.change(pair.difference)}" for pair in material.ablation]
    if not parts:
        return _why_nothing_was_taken_away(material)
    n = min(pair.n for pair in material.ablation)
    alone = "; one replicate has no intervals: give --ablate 2 or more" if n < 2 else ""
    return f"What the winner loses without each factor (n = {n}): {'; '.join(parts)}{alone}."


def _why_nothing_was_taken_away(material: Material) -> str:
    """A sentence where an ablation was asked for, and there is nothing to show for it."""
    if not material.config.ablate or material.verdict is None:
        return ""
    winner = material.verdict.winner
    if without_factors(material.space, winner):
        return f"What {winner.name} loses without each factor is not known: those trainings have not finished."
    return f"Nothing was taken away from {winner.name}: none of the space's factors is at work in it."


def _model_in_words(material: Material) -> str:
    measured = effects_of(material)
    if measured is None or isinstance(measured, str):
        return measured or ""
    unit = unit_of(material.config.reward)
    clear = [e for e in measured if e.difference.low > 0 or e.difference.high < 0]
    clear.sort(key=lambda effect: -abs(effect.difference.mean))
    named = [f"{e.factor} {e.level} {unit.change(e.difference)} over {e.reference}" for e in clear[:_SHOWN]]
    rest = len(measured) - len(named)
    if not named:
        return f"What the factors add: none of {rest} levels can be told from the first of its factor."
    return f"What the factors add: {'; '.join(named)}; {rest} other levels add less, or cannot be told from nothing."
