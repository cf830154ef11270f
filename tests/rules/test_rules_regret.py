"""That rules learn: regret on simulated arms, held against uniform choice, the papers' bounds and each other.

Seeded; every test states how often it would fail a rule that is right, or pass one that is no better than it says,
and meets a planted bug that it must see.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp, ttest_rel

from policysearch.rules import RULES, Choice, History, Rule, recommend
from policysearch.rules.exp3 import Exp3
from policysearch.rules.exp3s import Exp3S
from policysearch.rules.kl_ucb import KlUcb
from policysearch.rules.sequential_halving import SequentialHalving
from policysearch.rules.thompson_beta import ThompsonBeta
from policysearch.rules.ucb import Ucb
from tests.support.selection import slow_but
from tests.support.simulated import Problem, bernoulli, normal, play

GAPS = np.linspace(0.80, 0.86, 10)
CHANCES = np.linspace(0.1, 0.9, 10)
SEEDS = 12


@dataclass(frozen=True)
class Backwards(Rule):
    """The planted bug: one minus the rewards."""

    rule: Rule

    def choose(self, h: History, rng: np.random.Generator) -> Choice:
        turned = replace(h, fidelities=tuple(turn(counts) for counts in h.fidelities))
        return self.rule.choose(turn(turned), rng)


def turn(counts: Any) -> Any:
    return replace(counts, sums=counts.pulls - counts.sums, squares=counts.pulls - 2 * counts.sums + counts.squares)


@dataclass(frozen=True)
class UnitUcb(Rule):
    """UCB1 as printed, for rewards in [0, 1]: the scale c·s is 1."""

    def choose(self, h: History, rng: np.random.Generator) -> Choice:
        return Ucb(c=1 / (h.deviation or 1)).choose(h, rng)


def gain(rule: Rule, problem: Problem, means: np.ndarray, seed: int, pulls: int = 150) -> float:
    """Mean of the arms pulled, less that of all arms; of several fidelities the highest counts, where choice shows."""
    features = np.outer(means, np.ones(2)) + np.random.default_rng(seed).normal(0, np.ptp(means), (len(means), 2))
    made, _ = play(rule, replace(problem, budget=pulls, features=features), pulls, seed, in_flight=2)
    top = max(fidelity for _, fidelity in made)
    return float(np.mean([means[arm] for arm, fidelity in made if fidelity == top]) - means.mean())


def better_than_uniform(rule: Rule, kind: str) -> bool:
    """One-sided t-test over 12 seeds at 1e-5: the false-alarm rate of a rule no better than uniform."""
    means = CHANCES if kind == "bernoulli" else GAPS
    problem = replace(bernoulli(means) if kind == "bernoulli" else normal(means, 0.01, judged=1000), fidelities=3)
    gains = [gain(rule, problem, means, seed) for seed in range(SEEDS)]
    return ttest_1samp(gains, 0, alternative="greater").pvalue < 1e-5


@pytest.mark.parametrize("kind", slow_but(["normal"], ["bernoulli", "normal"]))
@pytest.mark.parametrize("name", sorted(set(RULES) - {"random", "exp3", "exp3s"}))
def test_rules_beat_uniform(name, kind):
    assert better_than_uniform(RULES[name][1](), kind)


@pytest.mark.parametrize("kind", ["bernoulli", "normal"])
@pytest.mark.parametrize("rule", [Exp3, Exp3S])
def test_exp3_beats_uniform_when_it_learns_fast(rule, kind):
    """With rate = gamma, the paper's, it needs thousands of pulls."""
    assert better_than_uniform(rule(gamma=0.2, rate=1.0), kind)


@pytest.mark.parametrize("name", ["ucb", "thompson", "sequential-halving", "successive-halving"])
def test_uniform_and_planted_bugs_do_not(name):
    assert not better_than_uniform(RULES["random"][1](), "normal")
    assert not better_than_uniform(Backwards(RULES[name][1]()), "normal")


def regrets(rule: Rule, means: tuple[float, ...], pulls: int, seeds: range) -> np.ndarray:
    return np.array(
        [max(means) * pulls - sum(means[a] for a, _ in play(rule, bernoulli(means), pulls, s)[0]) for s in seeds]
    )


def test_ucb1_stays_under_its_bound():
    """8 ln n/gap + (1 + π²/3)·gap = 112 for n = 1,000, gap .5 (Auer et al. 2002, theorem 1); uniform choice has 250.

    The regret is near 20 with deviation 5 here, so that the mean of 5 seeds is above 112 in no lifetime.
    """
    bound = 8 * np.log(1000) / 0.5 + (1 + np.pi**2 / 3) * 0.5
    assert regrets(UnitUcb(), (0.75, 0.25), 1000, range(5)).mean() < bound
    assert regrets(Backwards(UnitUcb()), (0.75, 0.25), 1000, range(5)).mean() > bound


@cache
def on_good_arms(rule: Rule) -> np.ndarray:
    return regrets(rule, (0.9, 0.6, 0.6, 0.6, 0.6), 500, range(12))


@pytest.mark.parametrize("rule", slow_but([ThompsonBeta()], [KlUcb(), ThompsonBeta()]))
def test_less_regret_than_ucb1_on_bernoulli_arms(rule):
    """As Garivier & Cappé 2011 and Kaufmann et al. 2012 report. Paired t-test over 12 seeds at 1e-5, the rate at which
    a rule no better than UCB1 passes."""
    assert ttest_rel(on_good_arms(rule), on_good_arms(UnitUcb()), alternative="less").pvalue < 1e-5
    bug = on_good_arms(Backwards(rule))
    assert not ttest_rel(bug, on_good_arms(UnitUcb()), alternative="less").pvalue < 1e-5


def test_sequential_halving_stays_under_its_bound():
    """3 log2 K exp(-T/(8 H2 log2 K)) = .13 for gaps of .9, K = 8, T = 1,000 (Karnin et al. 2013, theorem 4.1).

    A rule whose error is at the bound fails at most once in 1e6 (binomial, 10 seeds); the bug always errs.
    """
    means, pulls = (0.95, *[0.05] * 7), 1000
    h2 = max(i / 0.9**2 for i in range(2, 9))
    bound = 3 * 3 * np.exp(-pulls / (8 * h2 * 3))
    assert bound < 0.15

    def errors(rule: Rule) -> int:
        played = (play(rule, bernoulli(means, budget=pulls), pulls, seed)[1] for seed in range(10))
        return sum(recommended(rule, h) != 0 for h in played)

    def recommended(rule: Rule, h: History) -> int | None:
        most = int(h.pulls.argmax())
        return most if isinstance(rule, Backwards) else recommend(h)

    assert binomtest(errors(SequentialHalving()), 10, bound, alternative="greater").pvalue > 1e-6
    assert binomtest(errors(Backwards(SequentialHalving())), 10, bound, alternative="greater").pvalue < 1e-6
