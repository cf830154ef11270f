"""A comparison as one HTML page that needs nothing besides itself: no network, no script."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from policysearch.comparison.as_json import plain
from policysearch.comparison.curves import Curve
from policysearch.comparison.look import STYLESHEET
from policysearch.comparison.plots import Dot, Panel, dots, lines
from policysearch.comparison.runs import Comparison
from policysearch.comparison.statistics import AtBudget, Summary
from policysearch.comparison.tables import MEANINGS, Grid, budget_grids, pair_grid, pick_grid, sensitivity_grid
from policysearch.files import write_whole

__all__ = ["page", "write_page"]

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
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    return "\n".join(
        [
            f'<!DOCTYPE html>\n<html lang="en"><head>{head}<title>Strategies compared</title>',
            f"<style>{STYLESHEET}</style></head><body><main>",
            *_statement(summary),
            *_budgets(summary, comparison),
            *_sensitivity(summary),
            *_made(summary, comparison),
            "</main></body></html>\n",
        ]
    )


def _statement(summary: Summary) -> Iterator[str]:
    yield "<h1>Which strategy to use</h1>"
    for at in reversed(summary.budgets):
        n = len(at.verdict.contenders)
        title = f"{at.budget} pulls: {at.verdict.chosen}" + (f", one of {n} that cannot be told apart" if n > 1 else "")
        yield f'<div class="verdict"><h2>{escape(title)}</h2><p>{escape(at.verdict.sentence)}</p></div>'
    yield from (f'<p class="caution">{escape(text)}</p>' for text in summary.cautions)


def _budgets(summary: Summary, comparison: Comparison) -> Iterator[str]:
    for at in reversed(summary.budgets):
        whole = at is summary.budgets[-1]
        yield f"<h2>Budget {at.budget}</h2>"
        yield "" if whole else "<details><summary>Plots and tables</summary>"
        yield from _figures(at, summary, whole)
        yield from (_table(grid) for grid in (*budget_grids(at), pair_grid(at)) if grid.rows)
        if len(at.pairs) >= len(at.results):
            yield _folded("Every two strategies", _table(pair_grid(at, everything=True)))
        yield _folded("Which arms were picked", _table(pick_grid(at)))
        yield "" if whole else "</details>"
    yield f'<p class="note">δ = {comparison.delta:g}.</p>'
    yield _folded("What the columns mean", _listed(dict(MEANINGS)))


def _figures(at: AtBudget, summary: Summary, whole: bool) -> Iterator[str]:
    yield '<div class="plots">'
    for key, (title, x, y) in _CURVES.items():
        limits = (0.0, 1.0) if key[0] == "within" else (0.0, None)
        panel = Panel(f"b{at.budget}-{'-'.join(key)}", title, x, y, limits)
        yield _figure(lines(panel, at.curves[key], summary.strategies))
    if any(math.isfinite(result.truth.mean) for result in at.results):
        yield _figure(_truth(at, summary))
    if whole and len(summary.budgets) > 1:
        panel = Panel("budgets", "What a larger budget buys", "budget, pulls", "final simple regret")
        yield _figure(lines(panel, _by_budget(summary), summary.strategies))
    yield "</div>"


def _truth(at: AtBudget, summary: Summary) -> str:
    panel = Panel(
        f"b{at.budget}-truth", "Final picks after long training", "best truth minus the pick's", "", (None, None)
    )
    rows = [Dot(r.strategy, r.truth, summary.strategies.index(r.strategy), r.truth_error) for r in at.results]
    return dots(panel, rows) + _note(_THIN)


def _by_budget(summary: Summary) -> list[Curve]:
    found = {
        name: [(at.budget, r.simple) for at in summary.budgets for r in at.results if r.strategy == name]
        for name in summary.strategies
    }
    columns = {
        name: np.array([(budget, e.mean, e.low, e.high) for budget, e in own]).T for name, own in found.items() if own
    }
    return [Curve(name, *values) for name, values in columns.items()]


def _sensitivity(summary: Summary) -> Iterator[str]:
    if not summary.sensitivity:
        return
    yield "<h2>Sensitivity to the rules' parameters</h2>"
    rules = list(dict.fromkeys(setting.rule for setting in summary.sensitivity))
    places = list(dict.fromkeys([*summary.strategies, *rules]))
    panel = Panel("sensitivity", "Rules with other parameters", "simple regret", "")
    rows = [dot for rule in rules for dot in _settings(rule, places.index(rule), summary)]
    note = _note("Hollow: the rule as compared above. Intervals are over runs; these differences were not tested.")
    yield f'<div class="plots">{_figure(dots(panel, rows) + note)}</div>'
    yield _table(sensitivity_grid(summary))


def _settings(rule: str, series: int, summary: Summary) -> Iterator[Dot]:
    own = [setting.result for setting in summary.sensitivity if setting.rule == rule]
    budgets = {result.budget for result in own}
    for at in summary.budgets:
        yield from (
            Dot(f"{rule}, as compared", result.simple, series, hollow=True)
            for result in at.results
            if result.strategy == rule and at.budget in budgets
        )
    yield from (Dot(result.strategy, result.simple, series) for result in own)


def _made(summary: Summary, comparison: Comparison) -> Iterator[str]:
    arms, pulls = comparison.arms, "children trained" if comparison.live else "a recorded table replayed"
    least = f"{len(arms.names)}, the best by the search's own measure is {arms.names[int(np.argmax(arms.means))]}"
    facts = {"pulls": pulls, "arms": least, "workers": comparison.workers, **plain(comparison.about)}
    yield "<h2>How it was made</h2>"
    yield _listed(facts)
    yield from (f'<p class="note">{escape(text)}</p>' for text in _METHOD)


def _listed(facts: Mapping[str, Any]) -> str:
    rows = (f"<dt>{escape(str(key))}</dt><dd>{escape(_words(value))}</dd>" for key, value in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def _words(value: Any) -> str:
    """Text as it is, anything else as JSON without its outer brackets and quotes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def _figure(content: str) -> str:
    return f"<figure>{content}</figure>"


def _note(text: str) -> str:
    return f'<figcaption class="note">{escape(text)}</figcaption>'


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _table(grid: Grid) -> str:
    """A table that scrolls by itself where it is too wide, also by keyboard."""
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in grid.heads)
    rows = "".join(_row(row, row[0] in grid.bold) for row in grid.rows)
    title = escape(grid.title)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{title}"><table><caption>{title}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(row: tuple[str, ...], bold: bool) -> str:
    name, *cells = row
    style = ' class="use"' if bold else ""
    text = "".join(f"<td{_kind(cell)}>{escape(cell)}</td>" for cell in cells)
    return f'<tr{style}><th scope="row">{escape(name)}</th>{text}</tr>'


def _kind(cell: str) -> str:
    return ' class="text"' if len(cell) > 40 else ""
