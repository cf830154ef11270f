"""A comparison as one HTML page that needs nothing besides itself: no network, no script."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from rich.console import Console

from policysearch.core.files import write_whole
from policysearch.core.jsonable import plain
from policysearch.experiments.comparison.outcomes import Comparison
from policysearch.experiments.comparison.statistics import AtBudget, Summary
from policysearch.experiments.comparison.text import MEANINGS, budget_grids, pair_grid, pick_grid, sensitivity_grid
from policysearch.reports.curves import Curve
from policysearch.reports.html.chart import Panel
from policysearch.reports.html.markup import (
    document,
    figure,
    folded,
    heading,
    listed,
    paragraph,
    plots,
    statement,
    table,
)
from policysearch.reports.html.plots import Dot, dots, lines
from policysearch.reports.numbers import PLAIN
from policysearch.reports.terminal import say, show_grid

_CURVES = {
    ("simple", "pulls"): ("Simple regret of the pick", "pulls", "simple regret"),
    ("cumulative", "pulls"): ("Cumulative regret", "pulls", "cumulative regret"),
    ("simple", "seconds"): ("Simple regret by cost", "worker-seconds", "simple regret"),
    ("cumulative", "seconds"): ("Cumulative regret by cost", "worker-seconds", "cumulative regret"),
    ("within", "pulls"): ("Picks within δ of the best arm", "pulls", "share of runs"),
}
_THIN = (
    "Thick: over runs. Thin: with the errors of truth itself, where they are known; strategies that pick the same arms "
    "share them, so thin lines that overlap say little about which is better."
)
_HOLLOW = "Hollow: the rule as compared above. Intervals are over runs; these differences were not tested."
_METHOD = (
    "Intervals are 95 %, over runs, one quantity and strategy at a time. Of a mean simple regret: t, with one imagined "
    "run added that picked blindly (regrets are mostly 0 with a rare large one, and an interval from the runs alone is "
    "then far too short); the mean shown is that of the runs alone. Of a share: Wilson's. Of other means: t.",
    "Strategies are compared on their common runs, which share seeds: two-sided sign-flip test of the paired "
    "differences, corrected by Holm over all pairs of one budget. Worse is what differs from the best mean at a "
    "corrected p of 0.05 or less, and by a tenth of δ or more; the rest cannot be told apart from it, or not by what "
    "matters. Of those, the page names the one that spends the fewest worker-seconds (within 5 % is equal), then the "
    "best mean.",
)


def write_page(summary: Summary, comparison: Comparison, path: Path) -> None:
    """Write the page as UTF-8; an old file is replaced when the new one is whole."""
    write_whole(path, page(summary, comparison))


def page(summary: Summary, comparison: Comparison) -> str:
    """The statement first, then each budget, the largest first, the rules' parameters, and how it was made."""
    parts = (
        _statement(summary, comparison),
        _budgets(summary, comparison),
        _sensitivity(summary),
        _how_it_was_made(summary, comparison),
    )
    return document("Strategies compared", chain.from_iterable(parts))


def _statement(summary: Summary, comparison: Comparison) -> Iterator[str]:
    yield heading(1, f"Which strategy to use{_on(comparison)}")
    yield paragraph(_delta_in_words(summary, comparison), "note")
    for at in reversed(summary.budgets):
        yield statement(_title(at), [at.verdict.sentence])
    yield from (paragraph(text, "caution") for text in summary.cautions)


def _title(at: AtBudget) -> str:
    if not at.verdict.chosen:
        return f"{at.budget} pulls: no verdict"
    n = len(at.verdict.contenders)
    return f"{at.budget} pulls: {at.verdict.chosen}" + (f", one of {n} that cannot be told apart" if n > 1 else "")


def _on(comparison: Comparison) -> str:
    """The data set, or the table that was replayed, for the title."""
    about = comparison.about
    place = about.get("data") or Path(str(about.get("table", ""))).stem
    return f" on {place}" if place else ""


def _delta_in_words(summary: Summary, comparison: Comparison) -> str:
    unit = summary.budgets[0].unit if summary.budgets else PLAIN
    return f"δ = {unit.size(comparison.delta)}: a pick within δ of the best arm's mean counts as good."


def _budgets(summary: Summary, comparison: Comparison) -> Iterator[str]:
    for at in reversed(summary.budgets):
        whole = at is summary.budgets[-1]
        yield heading(2, f"Budget {at.budget}")
        yield "" if whole else "<details><summary>Plots and tables</summary>"
        yield plots(_figures(at, summary, whole))
        yield from (table(grid) for grid in (*budget_grids(at), pair_grid(at)) if grid.rows)
        if len(at.pairs) >= len(at.results):
            yield folded("Every two strategies", table(pair_grid(at, everything=True)))
        yield folded("Which arms were picked", table(pick_grid(at)))
        yield "" if whole else "</details>"
    yield folded("What the columns mean", listed(dict(MEANINGS)))


def _figures(at: AtBudget, summary: Summary, whole: bool) -> Iterator[str]:
    for key, (title, x, y) in _CURVES.items():
        limits = (0.0, 1.0) if key[0] == "within" else (0.0, None)
        panel = Panel(f"b{at.budget}-{'-'.join(key)}", title, x, y, limits)
        yield figure(lines(panel, at.curves[key], summary.strategies))
    if any(math.isfinite(result.truth.mean) for result in at.results):
        yield figure(_truth(at, summary), _THIN)
    if whole and len(summary.budgets) > 1:
        panel = Panel("budgets", "What a larger budget buys", "budget, pulls", "final simple regret")
        yield figure(lines(panel, _by_budget(summary), summary.strategies))


def _truth(at: AtBudget, summary: Summary) -> str:
    panel = Panel(
        f"b{at.budget}-truth", "Final picks after long training", "best truth minus the pick's", "", (None, None)
    )
    rows = [Dot(r.strategy, r.truth, summary.strategies.index(r.strategy), r.truth_error) for r in at.results]
    return dots(panel, rows)


def _by_budget(summary: Summary) -> list[Curve]:
    points: dict[str, list[tuple[float, ...]]] = {name: [] for name in summary.strategies}
    for at in summary.budgets:
        for result in at.results:
            regret = result.simple
            points[result.strategy].append((at.budget, regret.mean, regret.low, regret.high))
    return [Curve(name, *np.array(rows).T) for name, rows in points.items() if rows]


def _sensitivity(summary: Summary) -> Iterator[str]:
    if not summary.sensitivity:
        return
    yield heading(2, "Sensitivity to the rules' parameters")
    rules = list(dict.fromkeys(setting.rule for setting in summary.sensitivity))
    places = list(dict.fromkeys([*summary.strategies, *rules]))
    panel = Panel("sensitivity", "Rules with other parameters", "simple regret", "")
    rows = [dot for rule in rules for dot in _settings(rule, places.index(rule), summary)]
    yield plots([figure(dots(panel, rows), _HOLLOW)])
    yield table(sensitivity_grid(summary))


def _settings(rule: str, series: int, summary: Summary) -> Iterator[Dot]:
    results = [setting.result for setting in summary.sensitivity if setting.rule == rule]
    budgets = {result.budget for result in results}
    for at in summary.budgets:
        yield from (
            Dot(f"{rule}, as compared", result.simple, series, hollow=True)
            for result in at.results
            if result.strategy == rule and at.budget in budgets
        )
    yield from (Dot(result.strategy, result.simple, series) for result in results)


def _how_it_was_made(summary: Summary, comparison: Comparison) -> Iterator[str]:
    arms, pulls = comparison.arms, "children trained" if comparison.live else "a recorded table replayed"
    least = f"{len(arms.names)}, the best by the search's own measure is {arms.names[int(np.argmax(arms.means))]}"
    facts = {"pulls": pulls, "arms": least, "workers": comparison.workers, **plain(comparison.about)}
    yield heading(2, "How it was made")
    yield listed(facts)
    yield from (paragraph(text, "note") for text in _METHOD)


def show(summary: Summary, comparison: Comparison, console: Console) -> None:
    """Print every budget's tables, the sensitivity table, the cautions, and a verdict a budget as the last lines."""
    grids = [grid for at in summary.budgets for grid in (*budget_grids(at), pair_grid(at))]
    for grid in (*grids, sensitivity_grid(summary)):
        if grid.rows:
            show_grid(console, grid)
    note = f"{_delta_in_words(summary, comparison)} – is not known or never reached; the page says what columns mean."
    for text in (note, *summary.cautions):
        say(console, text, style="dim")
    for at in summary.budgets:
        say(console, f"\n{at.verdict.sentence}", style="bold")
