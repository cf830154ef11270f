"""The limits of a comparison's numbers, as sentences that every output carries."""

from __future__ import annotations

import numpy as np

from policysearch.experiments.comparison.outcomes import Comparison

_FEW = 30  # runs


def cautions(comparison: Comparison) -> tuple[str, ...]:
    """The sentences that apply, the weightiest first."""
    sentences = (
        _noise(comparison),
        _source(comparison),
        _measured(comparison),
        _truth(comparison),
        _few(comparison),
    )
    return tuple(filter(None, sentences))


def _noise(comparison: Comparison) -> str:
    single, arms = comparison.pulled_once, len(comparison.arms.names)
    if comparison.live or not single:
        return ""
    which = "Every arm" if single == arms else f"{single} of the {arms} arms"
    was = "was" if single == arms or single == 1 else "were"
    return (
        f"{which} {was} pulled only once at {comparison.about.get('fidelity')}, so that all replayed pulls of such an "
        "arm are alike, as real ones are not. The same `policysearch record` command with a larger --seeds adds pulls."
    )


def _source(comparison: Comparison) -> str:
    if comparison.live:
        return (
            "Searches that were really run, read in the order in which pulls began. Regret is by each arm's mean over "
            "all pulls of all searches, shrunken towards each other: arms that noise explains count as equal."
        )
    return (
        "Replayed, not trained: every outcome was drawn from the recorded replicates of the "
        f"{len(comparison.arms.names)} arms (a bootstrap of the table). Intervals are over runs, given this "
        "table; they say nothing of another data set, network or set of arms."
    )


def _measured(comparison: Comparison) -> str:
    at, measured = comparison.about.get("fidelity"), comparison.about.get("measured", comparison.about.get("fidelity"))
    if at == measured:
        return ""
    return (
        f"Regret is measured at {measured}, the most expensive pull of any of these strategies, also for those that "
        f"only pull at {at}: what a pick is worth there, not how well it was found. Budgets count pulls of {at}; more "
        "expensive ones count for several."
    )


def _size(comparison: Comparison) -> str:
    pull, fresh = (comparison.about.get(name) for name in ("fidelity", "confirmed_at"))
    return "as short as the pulls themselves" if fresh in (None, pull) else f"trained at {fresh}, the pulls at {pull}"


def _truth(comparison: Comparison) -> str:
    arms = comparison.arms
    if arms.truth is None:
        return f"No arm was trained {'again' if comparison.live else 'for long'}: how the picks do then is not known."
    if comparison.live:
        picked = int(np.isfinite(arms.truth).sum())
        return (
            f"Truth is the mean over fresh replicates of the {picked} arms that searches ended with, "
            f"{_size(comparison)}; the best of them may still not be the best arm."
        )
    all_errors = arms.truth_errors if arms.truth_errors is not None else np.full(len(arms.names), np.nan)
    errors = all_errors[np.isfinite(all_errors)]
    once = len(arms.names) - len(errors)
    parts = [f"standard error {np.median(errors):.4f} (median), {errors.max():.4f} (largest)"] if len(errors) else []
    parts += [f"no error for {once} of {len(arms.names)} arms, trained for long only once"] if once else []
    return (
        f"Truth (long training) is itself a measurement: {'; '.join(parts)}. The best arm's truth is the largest of "
        f"{len(arms.names)} such figures and so more likely too high than too low."
    )


def _few(comparison: Comparison) -> str:
    fewest = min((len(runs.picks) for runs in comparison.runs), default=0)
    if fewest >= _FEW:
        return ""
    return f"Some strategies have only {fewest} run{'s' if fewest != 1 else ''}: only large differences can be seen."
