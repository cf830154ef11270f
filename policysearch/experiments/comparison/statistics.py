"""What a comparison says in numbers: strategies, their pairs and a verdict for each budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from policysearch.experiments.comparison.caveats import cautions
from policysearch.experiments.comparison.outcomes import Arms, Comparison, Runs
from policysearch.experiments.comparison.regret_curves import QUANTITIES, blind_regret, curve, near, pulls_to, settled
from policysearch.experiments.comparison.result import Result
from policysearch.experiments.comparison.verdict import BASELINE, StrategyVerdict, judge_strategies, no_verdict
from policysearch.reports.curves import Curve
from policysearch.reports.numbers import PLAIN, Unit, unit_of
from policysearch.stats.arrays import Floats
from policysearch.stats.estimate import Estimate
from policysearch.stats.intervals import mean_interval, wilson
from policysearch.stats.paired import PairedTest, sign_flip_pair, with_holm


@dataclass(frozen=True)
class AtBudget:
    """All strategies with one budget.

    Attributes:
        results: best mean simple regret first.
        pairs: every two of them, in that order; corrected by Holm over all of them.
        curves: by (quantity, against), one curve per strategy, in the order the user gave.
        delta: as in the comparison.
        unit: of the reward, for regrets.
    """

    budget: int
    results: tuple[Result, ...]
    pairs: tuple[PairedTest, ...]
    verdict: StrategyVerdict
    curves: dict[tuple[str, str], tuple[Curve, ...]]
    delta: float
    unit: Unit = PLAIN


@dataclass(frozen=True)
class Setting:
    """A rule with its parameter set to another value; `default` is the pair with the rule as compared, if it was."""

    rule: str
    parameter: str
    result: Result
    default: PairedTest | None


@dataclass(frozen=True)
class Summary:
    """Everything that is reported of a comparison.

    Attributes:
        budgets: ascending.
        sensitivity: settings in the order given.
        strategies: names in the order given; plots give each its colour by it.
        cautions: sentences that belong in every output.
    """

    budgets: tuple[AtBudget, ...]
    sensitivity: tuple[Setting, ...]
    strategies: tuple[str, ...]
    cautions: tuple[str, ...]


def summary(comparison: Comparison) -> Summary:
    """The statistics of a comparison; pure: the same comparison gives the same numbers, whatever its runs' order."""
    budgets = sorted({runs.budget for runs in comparison.runs})
    return Summary(
        tuple(_at(budget, comparison) for budget in budgets),
        tuple(_setting(runs, comparison) for runs in comparison.sensitivity),
        tuple(dict.fromkeys(runs.strategy for runs in comparison.runs)),
        cautions(comparison),
    )


def _at(budget: int, comparison: Comparison) -> AtBudget:
    arms, delta = comparison.arms, comparison.delta
    entries = [runs for runs in comparison.runs if runs.budget == budget]
    target = _target(comparison)
    ranked = sorted(((_result(runs, arms, delta, target), runs) for runs in entries), key=lambda both: both[0].rank)
    results = tuple(result for result, _ in ranked)
    pairs = _pairs([runs for _, runs in ranked], arms)
    unit = unit_of(str(comparison.about.get("reward", "")), fine=True)
    if comparison.without_noise:
        pairs, verdict = tuple(map(_without_test, pairs)), no_verdict(budget, results)
    else:
        verdict = judge_strategies(budget, results, pairs, delta, unit)
    names = [*[(quantity, "pulls") for quantity in QUANTITIES], ("simple", "seconds"), ("cumulative", "seconds")]
    curves = {name: tuple(curve(runs, arms, delta, *name) for runs in entries) for name in names}
    return AtBudget(budget, results, pairs, verdict, curves, delta, unit)


def _without_test(pair: PairedTest) -> PairedTest:
    """The difference alone: nothing else of a pair has a meaning where pulls have no noise."""
    nan = float("nan")
    mean = Estimate(pair.difference.mean, nan, nan)
    return replace(pair, difference=mean, error=nan, p=nan, holm=nan, detectable=nan)


def _pairs(ranked: Sequence[Runs], arms: Arms) -> tuple[PairedTest, ...]:
    return tuple(with_holm([_pair(a, b, arms) for a, b in combinations(ranked, 2)]))


def _pair(a: Runs, b: Runs, arms: Arms) -> PairedTest:
    final_a, final_b = (runs.simple_regret(arms)[:, -1] for runs in (a, b))
    return sign_flip_pair(a.strategy, b.strategy, final_a, final_b, blind_regret(arms))


def _target(comparison: Comparison) -> tuple[float, int] | None:
    """Mean simple regret that random search ends with at its largest budget, and that budget."""
    baselines = [runs for runs in comparison.runs if runs.strategy == BASELINE]
    if not baselines:
        return None
    most = max(baselines, key=lambda runs: runs.budget)
    return float(np.sort(most.simple_regret(comparison.arms)[:, -1]).mean()), most.budget


def _estimate(interval: tuple[Floats, Floats, Floats]) -> Estimate:
    return Estimate(*(float(value) for value in interval))


def _result(runs: Runs, arms: Arms, delta: float, target: tuple[float, int] | None) -> Result:
    final = runs.simple_regret(arms)[:, -1]
    n = len(final)
    chosen, counts = np.unique(runs.picks[:, -1], return_counts=True)
    order = np.lexsort((chosen, -counts))
    reached = pulls_to(runs, arms, target[0]) if target else float("nan")
    return Result(
        strategy=runs.strategy,
        budget=runs.budget,
        runs=n,
        simple=_estimate(mean_interval(final, blind_regret(arms))),
        within=_estimate(wilson(near(runs, arms, delta)[:, -1].sum(), n)),
        cumulative=_estimate(mean_interval(runs.regret[:, -1])),
        truth=_estimate(mean_interval(runs.truth_regret(arms), _blind_truth(arms))),
        truth_error=_truth_error(runs, arms),
        pulls_to_delta=_median(settled(runs, arms, delta)),
        pulls_of_random=reached,
        share_of_random=reached / target[1] if target else float("nan"),
        seconds=_estimate(mean_interval(runs.seconds[:, -1])),
        clock=_mean(runs.clock[:, -1]),
        utilisation=_mean(runs.utilisation),
        failures=_mean(runs.failures.astype(np.float64)),
        overhead=runs.overhead,
        picks=tuple((arms.names[chosen[i]], int(counts[i])) for i in order),
    )


def _mean(values: Floats) -> float:
    return float(np.sort(values).mean())


def _median(values: Floats) -> float:
    """The upper median where runs that never arrive count as later than all others; nan if it is one of them."""
    middle = float(np.sort(values)[len(values) // 2])
    return middle if np.isfinite(middle) else float("nan")


def _blind_truth(arms: Arms) -> float:
    return float("nan") if arms.truth is None else float(np.nanmax(arms.truth) - np.nanmean(arms.truth))


def _truth_error(runs: Runs, arms: Arms) -> float:
    """Standard error that the mean truth regret has from truth's own errors: √Σ (share picked - 1 if best)²·error².

    That the best arm's truth is the largest of K noisy ones, and so too high, is not in it. nan where an arm that
    counts was trained for long once only.
    """
    if arms.truth is None or arms.truth_errors is None:
        return float("nan")
    weights = np.bincount(runs.picks[:, -1], minlength=len(arms.names)) / len(runs.picks)
    weights[int(np.nanargmax(arms.truth))] -= 1
    used = np.abs(weights) > 0
    return float(np.sqrt(np.sum((weights[used] * arms.truth_errors[used]) ** 2)))


def _setting(runs: Runs, comparison: Comparison) -> Setting:
    rule, _, parameter = runs.strategy.partition(":")
    arms = comparison.arms
    default = [other for other in comparison.runs if other.strategy == rule and other.budget == runs.budget]
    against = _pair(default[0], runs, arms) if default else None
    return Setting(rule, parameter, _result(runs, arms, comparison.delta, _target(comparison)), against)
