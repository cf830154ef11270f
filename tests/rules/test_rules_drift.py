"""Rules for rewards that drift: by hand, against the papers' loops, and against ucb where the best arm changes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import ttest_rel

from policysearch.core.errors import UserError
from policysearch.rules import RULES, Choice, History, Pull, Rule, Tally
from policysearch.rules.discounted_thompson import DiscountedThompson
from policysearch.rules.discounted_ucb import DiscountedUcb
from policysearch.rules.exp3 import Exp3
from policysearch.rules.exp3s import Exp3S
from policysearch.rules.sliding_window_ucb import SlidingWindowUcb
from policysearch.rules.thompson import Thompson
from policysearch.rules.ucb import Ucb
from policysearch.rules.weighted_counts import discounted, upper_bounds, windowed
from tests.support.histories import choices, history
from tests.support.simulated import normal, play

PULLS, DEVIATION, SEEDS = 240, 0.02, 5
MEANS = np.full((PULLS, 5), 0.3)
MEANS[:, 0] = 0.6
MEANS[PULLS // 4 :, 3] = 0.75
MEANS[PULLS // 2 :, 4] = 0.9
"""Mean rewards by pull and arm: the best arm stays as it is, and twice another becomes better."""


@dataclass(frozen=True)
class LatestFirst(Rule):
    """The planted bug: the log the wrong way round, so that the oldest rewards count most."""

    rule: Rule

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        log = history.log
        turned = {name: values[::-1] for name, values in vars(log).items()}
        return self.rule.choose(replace(history, log=replace(log, **turned)), rng)


def regret(rule: Rule, seed: int) -> float:
    """What the best arm of every pull would have had, less what the rule's had."""
    tally, rewards = Tally(), np.random.default_rng([seed, 1])
    keys = [str(arm) for arm in range(MEANS.shape[1])]
    lost = 0.0
    for t, means in enumerate(MEANS):
        choice = rule.choose(tally.history(keys, budget=PULLS), np.random.default_rng([seed, 2, t]))
        pull = Pull(keys[choice.arm], probability=choice.probability)
        tally.start(pull)
        tally.finish(pull, means[choice.arm] + DEVIATION * rewards.standard_normal())
        lost += means.max() - means[choice.arm]
    return lost


@cache
def regrets(rule: Rule) -> tuple[float, ...]:
    return tuple(regret(rule, seed) for seed in range(SEEDS))


def follows_better_than_ucb(rule: Rule) -> bool:
    """Paired one-sided t-test over 5 seeds at 1e-3: how often a rule that follows no better than ucb passes."""
    return ttest_rel(regrets(rule), regrets(Ucb()), alternative="less").pvalue < 1e-3


@pytest.mark.parametrize("rule", [DiscountedUcb(), SlidingWindowUcb(), DiscountedThompson(0.95), Exp3S(rate=1.0)])
def test_they_follow_a_best_arm_that_changes_and_ucb_does_not(rule):
    assert follows_better_than_ucb(rule)


@pytest.mark.parametrize("rule", [LatestFirst(SlidingWindowUcb())])
def test_a_rule_that_remembers_the_wrong_end_does_not(rule):
    assert not follows_better_than_ucb(rule)


@pytest.mark.parametrize(
    ("fading", "stationary"),
    [
        (DiscountedUcb(gamma=1, c=0.7), Ucb(c=0.7)),
        (SlidingWindowUcb(window=1000, c=0.7), Ucb(c=0.7)),
        (DiscountedThompson(gamma=1, width=0.7), Thompson(width=0.7)),
    ],
)
def test_a_rule_that_forgets_nothing_is_the_stationary_one(fading, stationary):
    problem = normal([0.5, 0.52, 0.51, 0.55, 0.4], 0.05)
    assert play(fading, problem, 60, 3, in_flight=3)[0] == play(stationary, problem, 60, 3, in_flight=3)[0]


def test_discounted_counts_by_hand():
    """Rewards 4 and 2 of the first arm and 1 of the second, in that order, at γ = 1/2: weights 1/4, 1/2 and 1."""
    counts = discounted(history([4.0, 2.0], [1.0], []), 0.5)
    assert counts.pulls.tolist() == [0.75, 1.0, 0.0]
    assert counts.means.tolist() == pytest.approx([8 / 3, 1.0, -math.inf])
    assert counts.freedom == 0, "less than one: 3/4 - (1/16 + 1/4)/(3/4) = 1/3"
    total, squares = 1.75, 0.25 * 16 + 0.5 * 4 + 1
    expected = (squares - 3.0**2 / total) / (total - (1 / 16 + 1 / 4 + 1) / total)
    assert counts.deviation == pytest.approx(math.sqrt(expected))


def test_a_window_by_hand():
    counts = windowed(history([4.0, 2.0, 6.0], [1.0]), 3)
    assert counts.pulls.tolist() == [2, 1] and counts.means.tolist() == [4, 1]
    assert counts.deviation == pytest.approx(math.sqrt(8))


def test_an_arm_that_is_forgotten_is_pulled_next_unless_it_is_under_way():
    h = history([0.9], [0.1] * 10, [0.2] * 10)
    assert upper_bounds(h, windowed(h, 5), 1.0)[:2].tolist() == [math.inf, math.inf]
    assert set(choices(SlidingWindowUcb(window=10), h, 50)) == {0, 1}
    assert set(choices(DiscountedThompson(gamma=1e-40), h, 50)) == {0, 1}
    under_way = history([0.9], [0.1] * 10, [0.2] * 10, pending={0: 1})
    assert set(choices(SlidingWindowUcb(window=10), under_way, 50)) == {1}


def test_forgotten_arms_that_never_had_a_reward_are_left_alone():
    h = history([0.9], [0.1] * 10, [], failures={2: 4})
    assert set(choices(SlidingWindowUcb(window=3), h, 50)) == {0}


@pytest.mark.parametrize("rule", [DiscountedUcb(0.8), SlidingWindowUcb(4), DiscountedThompson(0.7)])
def test_of_two_arms_with_the_same_rewards_the_one_that_rose_is_preferred(rule):
    tally = Tally()
    for pair in [(0.9, 0.1), (0.9, 0.1), (0.1, 0.9), (0.1, 0.9)]:
        for arm, reward in zip("ab", pair, strict=True):
            tally.start(Pull(arm))
            tally.finish(Pull(arm), reward)
    assert choices(rule, tally.history(["a", "b"]), 200).count(1) > 130


def test_exp3s_is_the_papers_loop():
    rng = np.random.default_rng(0)
    arms, rewards, chances = rng.integers(4, size=60), rng.uniform(0.7, 0.9, 60), rng.uniform(0.1, 0.9, 60)
    tally = Tally()
    for arm, reward, chance in zip(arms, rewards, chances, strict=True):
        tally.start(Pull(str(arm)))
        tally.finish(Pull(str(arm), probability=chance), reward)
    for gamma, alpha, budget in ((0.3, 0.05, 0), (0.1, 0.0, 200), (0.1, 0.0, 0)):
        share = alpha or 1 / (budget or 60)
        weights = np.ones(4)
        for arm, reward, chance in zip(arms, rewards, chances, strict=True):
            gain = np.zeros(4)
            gain[arm] = (reward - rewards.min()) / np.ptp(rewards) / chance
            weights = weights * np.exp(gamma * gain / 4) + math.e * share / 4 * weights.sum()
        expected = (1 - gamma) * weights / weights.sum() + gamma / 4
        h = tally.history(list("0123"), budget=budget)
        assert Exp3S(gamma, alpha=alpha).chances(h) == pytest.approx(expected, rel=1e-12)


def test_exp3s_with_next_to_no_shares_is_exp3_and_does_not_overflow():
    h = history(*([float(arm)] * 700 for arm in range(3)))
    chances = Exp3S(alpha=1e-15, rate=0.01).chances(h)
    assert chances == pytest.approx(Exp3(rate=0.01).chances(h), rel=1e-6)
    steep = Exp3S(gamma=0.01, rate=50).chances(h)
    assert np.isfinite(steep).all() and steep.sum() == pytest.approx(1)


def test_exp3s_never_draws_an_abandoned_arm():
    chances = Exp3S().chances(history([0.5], [0.4], [], failures={2: 4}))
    assert chances[2] == 0 and chances.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("discounted-ucb", {"gamma": 0}),
        ("discounted-ucb", {"c": -1}),
        ("sliding-window-ucb", {"window": 0}),
        ("sliding-window-ucb", {"window": 2.5}),
        ("sliding-window-ucb", {"window": math.inf}),
        ("sliding-window-ucb", {"c": math.nan}),
        ("discounted-thompson", {"gamma": 1.1}),
        ("discounted-thompson", {"width": 0}),
        ("exp3s", {"gamma": 0}),
        ("exp3s", {"rate": -1}),
        ("exp3s", {"alpha": 2}),
    ],
)
def test_parameters_out_of_range_are_refused(name, parameters):
    with pytest.raises(UserError, match=f"{name}'s {next(iter(parameters))} must .*got"):
        RULES[name][1](**parameters)
