"""Which strategy to use with a budget, or that the runs cannot tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from policysearch.core.readable import joined
from policysearch.experiments.comparison.result import Result
from policysearch.reports.numbers import PLAIN, Unit, probability, share
from policysearch.stats.paired import PairedTest
from policysearch.stats.significance import ALPHA

T = TypeVar("T", int, float)
BASELINE = "random"
"""The strategy whose regret at its largest budget the others are measured by."""
_ALIKE = 1.05  # worker-seconds up to this times the least count as equal
_MATTERS = 0.1  # of δ: a difference below this is no reason to prefer a strategy, however sure it is


@dataclass(frozen=True)
class StrategyVerdict:
    """The strategy to use with one budget.

    Attributes:
        chosen: its name; empty where nothing can be said.
        contenders: those not distinguishably worse than the best mean by what matters, best first; one where the best
            is clear.
        detectable: the difference from the best mean that could have been seen, the largest over the other contenders.
        sentence: all of it in words.
    """

    chosen: str
    contenders: tuple[str, ...]
    detectable: float
    sentence: str


def judge_strategies(
    budget: int, results: Sequence[Result], pairs: Sequence[PairedTest], delta: float, unit: Unit = PLAIN
) -> StrategyVerdict:
    """Name the strategy to use.

    The best mean is compared with every other; those with a Holm-corrected p of at most 5 % against it, and a
    difference of a tenth of δ or more, are worse. Of several that remain, what costs less is preferred (`PREFERENCES`).

    Args:
        results: the strategies with this budget, best mean first; at least one.
        pairs: every two of them.
        delta: as in the comparison.
        unit: of the reward, for regrets.
    """
    best = results[0]
    against = {pair.other: pair for pair in pairs if pair.name == best.strategy}
    left = [result for result in results if result is best or not is_worse(against[result.strategy], delta)]
    names = tuple(result.strategy for result in left)
    if len(left) == 1:
        return StrategyVerdict(
            best.strategy, names, math.nan, f"Budget {budget}: {_clear(results, against, delta, unit)}."
        )
    detectable = max((against[name].detectable for name in names[1:]), key=lambda d: -math.inf if math.isnan(d) else d)
    little = any(against[name].holm <= ALPHA for name in names[1:])
    chosen, reason = _prefer(left)
    worse = [result.strategy for result in results if result.strategy not in names]
    text = f"Budget {budget}: {_tied(names, chosen, reason, against, little, unit)}{_worse(worse)}."
    return StrategyVerdict(chosen.strategy, names, detectable, text)


def no_verdict(budget: int, results: Sequence[Result]) -> StrategyVerdict:
    """The verdict on searches replayed from a table without noise: none."""
    names = tuple(result.strategy for result in results)
    sentence = (
        f"Budget {budget}: no verdict. The table has one pull of each arm, so its replay has no noise, and a strategy "
        "that tries every arm once is sure of the best; record more pulls (--seeds)."
    )
    return StrategyVerdict("", names, math.nan, sentence)


def is_worse(pair: PairedTest, delta: float) -> bool:
    """Whether the second of two is worse, and by something that matters: a tenth of δ or more."""
    return pair.holm <= ALPHA and pair.difference.mean >= _MATTERS * delta


def _clear(results: Sequence[Result], against: dict[str, PairedTest], delta: float, unit: Unit) -> str:
    best = results[0]
    n = f"{best.runs} run{'s' if best.runs != 1 else ''}"
    quality = (
        f"its pick is {unit.sizes(best.simple)} below the best arm, and within {unit.size(delta)} of it in "
        f"{share(best.within.mean)} of {n}"
    )
    if len(results) == 1:
        return f"only {best.strategy} was run; {quality}"
    pair = against[results[1].strategy]
    return (
        f"use {best.strategy}; {quality}; it is {unit.sizes(pair.difference)} better than the next, {pair.other} "
        f"({pair.n} paired runs, p {probability(pair.holm)} after Holm)"
    )


def _tied(
    names: Sequence[str], chosen: Result, reason: str, against: dict[str, PairedTest], little: bool, unit: Unit
) -> str:
    pairs = [against[name] for name in names[1:]]
    runs = _range([pair.n for pair in pairs], str)
    detectable = [pair.detectable for pair in pairs if not math.isnan(pair.detectable)]
    or_little = ", or differ by less than a tenth of δ" if little else ""
    seen = f"a difference of {_range(detectable, unit.size)} could" if detectable else "no difference could"
    power = " (80 % power at the 5 % level, before Holm)" if detectable else ""
    blind = "; with so many pulls any of these will do, random choice included" if BASELINE in names else ""
    return (
        f"{joined(names)} cannot be told apart{or_little}{blind}; use {chosen.strategy}, {reason}; {seen} have been "
        f"seen in {runs} paired run{'s' if runs != '1' else ''}{power}"
    )


def _range(values: Sequence[T], form: Callable[[T], str]) -> str:
    low, high = form(min(values)), form(max(values))
    return low if low == high else f"{low} to {high}"


def _worse(names: Sequence[str]) -> str:
    return f"; worse: {joined(names)}" if names else ""


def _cheap(results: Sequence[Result]) -> list[Result]:
    least = min(result.seconds.mean for result in results)
    return [result for result in results if not result.seconds.mean > _ALIKE * least]


PREFERENCES: tuple[tuple[str, Callable[[Sequence[Result]], list[Result]]], ...] = (
    ("the one that spends the fewest worker-seconds", _cheap),
    ("the best mean of those that cost alike", lambda results: [*results[:1]]),
)
"""Among equals, in this order: worker-seconds (within 5 % is equal), mean simple regret. The first that leaves one of
them decides. A strategy's own computing has no say: it is measured by the clock, and a seed must always name the same.
"""


def _prefer(results: Sequence[Result]) -> tuple[Result, str]:
    for reason, keep in PREFERENCES:
        results = keep(results)
        if len(results) == 1:
            return results[0], reason
    raise AssertionError("the last preference leaves one")
