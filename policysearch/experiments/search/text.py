"""A search in words, for the terminal."""

from __future__ import annotations

from policysearch.core.command import command
from policysearch.experiments.search.brief import Brief
from policysearch.experiments.search.report.classes import classes_in_words
from policysearch.experiments.search.report.data import Material
from policysearch.experiments.search.report.effects_section import effects_in_words
from policysearch.experiments.search.report.headline import found_on
from policysearch.experiments.search.report.importance_section import mattered_in_words
from policysearch.experiments.search.report.reliability import calibration_in_words
from policysearch.experiments.search.result import SearchResult
from policysearch.experiments.search.tables import arm_grid, arm_notes, confirmation_grid
from policysearch.policy.describe import in_words
from policysearch.policy.losses import Loss, loss_in_words


def brief_of(result: SearchResult, material: Material | None = None) -> Brief:
    """A search in brief; it opens with the headline and what mattered where its material is given."""
    confirmation = None
    if result.verdict is not None and result.confirmation:
        confirmation = confirmation_grid(result.confirmation, result.verdict, result.config)
    again = f", {result.repeated} failed attempts made again (trials.csv says why)" if result.repeated else ""
    return Brief(
        opening=() if material is None else _opening(result, material),
        arms=arm_grid(result.summaries, result.config),
        notes=tuple(arm_notes(result.summaries)),
        confirmation=confirmation,
        statement=_unfinished(result) if result.verdict is None else f"{result.verdict.sentence}.",
        policy=_policy(result),
        warnings=tuple(f"Warning: {text}." for text in result.warnings),
        cost=f"Cost: {result.seconds:.0f} worker-seconds{again}.",
    )


def _opening(result: SearchResult, material: Material) -> tuple[str, ...]:
    verdict = f"{result.verdict.sentence}." if result.verdict else f"{material.name}: a search that is not finished."
    further = (found_on, effects_in_words, mattered_in_words, classes_in_words, calibration_in_words)
    return tuple(filter(None, (verdict, *(words(material) for words in further))))


def _policy(result: SearchResult) -> str:
    if result.policy is None or result.verdict is None:
        return ""
    words = "\n".join([in_words(result.policy), *_trained_with(result.verdict.winner.loss)])
    return f"The policy ({result.policy.name}):\n{words}"


def _trained_with(loss: Loss | None) -> list[str]:
    return [f"trained with {loss_in_words(loss)} (without it, this is not what was searched)"] if loss else []


def _unfinished(result: SearchResult) -> str:
    """How far a search is that has not come to its end, and what continues it."""
    pulls = sum(arm.ended for arm in result.summaries)
    goes_on = f"{command('resume', result.folder)} goes on."
    if pulls < result.config.trials:
        return f"Not finished: {pulls} of {result.config.trials} pulls; {goes_on}"
    confirmed = sum(arm.ended for arm in result.confirmation)
    return (
        f"Not finished: the search is complete ({pulls} of {result.config.trials}), its confirmation is not "
        f"({confirmed} trainings so far); {goes_on}"
    )
