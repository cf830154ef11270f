"""Comparisons made of random numbers, one per case that a page must cope with."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from policysearch.experiments.comparison.outcomes import Arms, Comparison, Runs
from policysearch.experiments.comparison.report import page
from policysearch.experiments.comparison.statistics import summary

K = 12


ODD = "<b>&\"$x$'[bold]"


def runs(strategy: str, budget: int, n: int, checkpoints: int, rng: np.random.Generator) -> Runs:
    pulls = np.linspace(budget / checkpoints, budget, checkpoints).astype(np.int64)
    gathered = np.cumsum(rng.random((n, checkpoints)), 1)
    spent = gathered * 10
    chosen = rng.integers(0, K, (n, checkpoints))
    return Runs(
        strategy, budget, pulls, chosen, gathered, spent, spent / 4, rng.integers(0, 2, n), np.full(n, 0.9), 1e-3
    )


def made(
    names: tuple[str, ...] = ("random", "ucb", ODD),
    budgets: tuple[int, ...] = (40,),
    n: int = 12,
    checkpoints: int = 4,
    truth: bool = True,
    live: bool = False,
) -> Comparison:
    rng = np.random.default_rng(0)
    means = 0.9 - 0.01 * rng.random(K)
    errors = np.array([np.nan, *[0.002] * (K - 1)])
    known = (means + 0.01 * rng.random(K), errors) if truth else (None, None)
    arms = Arms(tuple(f"{ODD} {k}" for k in range(K)), means, *known)
    entries = tuple(runs(name, budget, n, checkpoints, rng) for name in names for budget in budgets)
    settings = tuple(runs(f"ucb:c={c}", budgets[0], n, checkpoints, rng) for c in (0.5, 2))
    about = {"reward": "accuracy", "table": ODD, "seed": np.int64(3), "rates": {"a": math.nan}, "file": Path("x/y")}
    return Comparison(arms, entries, settings, 0.005, 4, live, about)


def flat(comparison: Comparison) -> Comparison:
    """The same where every pick was the best arm."""
    best = int(np.argmax(comparison.arms.means))

    def perfect(entry: Runs) -> Runs:
        return replace(entry, picks=np.full_like(entry.picks, best), regret=np.zeros_like(entry.regret))

    return replace(comparison, runs=tuple(perfect(entry) for entry in comparison.runs))


CASES = {
    "whole": made(budgets=(40, 80)),
    "one strategy": made(names=("ucb",)),
    "one run": made(n=1),
    "no truth": made(truth=False),
    "one checkpoint": made(checkpoints=1),
    "live": made(live=True),
    "no regret": flat(made()),
    "no sensitivity": replace(made(), sensitivity=()),
    "nine strategies": made(names=tuple(f"strategy {k} of a very long name that has to be cut" for k in range(9))),
}


@cache
def html(case: str = "whole") -> str:
    return page(summary(CASES[case]), CASES[case])
