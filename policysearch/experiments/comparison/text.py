"""The tables of a comparison as text; the terminal and the page show the same ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from policysearch.experiments.comparison.result import Result
from policysearch.experiments.comparison.statistics import AtBudget, Setting, Summary
from policysearch.experiments.comparison.verdict import is_worse
from policysearch.reports.numbers import (
    PLAIN,
    Unit,
    amount,
    duration,
    interval,
    milliseconds,
    probability,
    share,
    whole,
)
from policysearch.reports.table import Grid
from policysearch.stats.paired import PairedTest
from policysearch.stats.significance import ALPHA

T = TypeVar("T")
Columns = tuple[tuple[str, Callable[[T], str]], ...]


def _percent(result: Result) -> str:
    return interval(result.within, lambda value: f"{100 * value:.0f}")


def _of_random(result: Result) -> str:
    return f"{whole(result.pulls_of_random)} ({share(result.share_of_random)})" if result.share_of_random > 0 else "–"


def _final_picks(unit: Unit) -> Columns[Result]:
    return (
        ("strategy", lambda r: r.strategy),
        ("runs", lambda r: str(r.runs)),
        ("simple regret [95 %]", lambda r: unit.sizes(r.simple)),
        ("% within δ [95 %]", _percent),
        ("truth regret [95 %]", lambda r: unit.sizes(r.truth)),
        ("truth's s.e.", lambda r: unit.size(r.truth_error)),
    )


_SPENT: Columns[Result] = (
    ("strategy", lambda r: r.strategy),
    ("cumulative regret [95 %]", lambda r: interval(r.cumulative, amount)),
    ("pulls to δ", lambda r: whole(r.pulls_to_delta)),
    ("as random", _of_random),
    ("worker time", lambda r: duration(r.seconds.mean)),
    ("busy", lambda r: share(r.utilisation)),
    ("failed", lambda r: f"{r.failures:.2g}"),
    ("own / choice", lambda r: milliseconds(r.overhead)),
)


def _against(unit: Unit) -> Columns[PairedTest]:
    return (
        ("runs", lambda p: str(p.n)),
        ("difference [95 %]", lambda p: unit.change(p.difference)),
        ("p", lambda p: _bare(p.p)),
        ("p (Holm)", lambda p: _bare(p.holm)),
        ("detectable", lambda p: unit.size(p.detectable)),
    )


def _settings(unit: Unit) -> Columns[Setting]:
    return (
        ("rule: parameter", lambda s: s.result.strategy),
        ("runs", lambda s: str(s.result.runs)),
        ("simple regret [95 %]", lambda s: unit.sizes(s.result.simple)),
        ("% within δ [95 %]", lambda s: _percent(s.result)),
        ("minus the default [95 %]", lambda s: unit.change(s.default.difference) if s.default else "–"),
    )


MEANINGS = (
    (
        "simple regret",
        "best mean reward minus that of the final pick, "
        "by the arms' means at the pulls' fidelity or the most expensive of several",
    ),
    ("% within δ", "share of the runs that end with a pick within δ of the best arm"),
    ("truth regret", "the same for the final pick after long training; its interval is over runs alone"),
    ("truth's s.e.", "the standard error that the truth regret has besides, since truth was measured too"),
    ("cumulative regret", "best mean minus the pulled arm's, summed over all pulls"),
    ("pulls to δ", "from here on the pick stays within δ, median over runs; – where at most half of them get there"),
    ("as random", "pulls to the regret that random search ends with at its largest budget, and their share of it"),
    ("busy", "share of workers × clock in which a worker worked"),
    ("failed", "failed attempts a run"),
    ("own / choice", "the strategy's own computing"),
    ("difference", "simple regret of the second minus that of the first on their common runs; above 0: first better"),
    ("p", "two-sided sign-flip test; Holm: corrected over all pairs of one budget"),
    ("detectable", "the difference that so many runs show with 80 % power at the 5 % level, uncorrected"),
    ("minus the default", "simple regret minus that of the rule as compared, on common runs; below 0: better"),
)
"""What the columns mean, for a legend."""


def _bare(p: float) -> str:
    return probability(p).removeprefix("= ").replace("unknown", "–")


def _grid(title: str, columns: Columns[T], values: Sequence[T], bold: tuple[str, ...] = ()) -> Grid:
    heads = tuple(head for head, _ in columns)
    return Grid(title, heads, tuple(tuple(cell(value) for _, cell in columns) for value in values), bold)


def budget_grids(at: AtBudget) -> tuple[Grid, Grid]:
    """What the strategies found with one budget, and what they spent; best first."""
    bold = (at.verdict.chosen,)
    return (
        _grid(f"Budget {at.budget}: found", _final_picks(at.unit), at.results, bold),
        _grid(f"Budget {at.budget}: spent", _SPENT, at.results, bold),
    )


def pair_grid(at: AtBudget, everything: bool = False) -> Grid:
    """The best mean against each other strategy; with `everything`, every two strategies."""
    best = at.results[0].strategy
    if everything:
        names: Columns[PairedTest] = (
            ("first, second", lambda p: f"{p.name}, {p.other}"),
            *_against(at.unit),
            ("second is", lambda p: _finding(p, at.delta)),
        )
        return _grid(f"Budget {at.budget}: every two strategies", names, at.pairs)
    against_best = [pair for pair in at.pairs if pair.name == best]
    return _grid(
        f"Budget {at.budget}: {best} against",
        (("other", lambda p: p.other), *_against(at.unit), ("other is", lambda p: _finding(p, at.delta))),
        against_best,
    )


def _finding(pair: PairedTest, delta: float) -> str:
    if not pair.holm <= ALPHA:
        return "cannot tell"
    if pair.difference.mean < 0:
        return "better"
    return "worse" if is_worse(pair, delta) else "worse, too little to matter"


def pick_grid(at: AtBudget, most: int = 5) -> Grid:
    """The arms that each strategy's runs ended with, most often first."""
    columns: Columns[Result] = (("strategy", lambda r: r.strategy), ("picks (runs)", lambda r: _picks(r, most)))
    return _grid(f"Budget {at.budget}: final picks", columns, at.results)


def _picks(result: Result, most: int) -> str:
    hidden = len(result.picks) - most
    more = [f"{hidden} more"] if hidden > 0 else []
    return ", ".join([*(f"{name} ({runs})" for name, runs in result.picks[:most]), *more])


def sensitivity_grid(summary: Summary) -> Grid:
    """Each rule with its parameter set to other values."""
    budgets = sorted({setting.result.budget for setting in summary.sensitivity})
    unit = summary.budgets[0].unit if summary.budgets else PLAIN
    title = f"Sensitivity to the rules' parameters, budget {', '.join(map(str, budgets))}"
    return _grid(title, _settings(unit), summary.sensitivity)
