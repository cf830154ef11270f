"""Bandit rules: hand-worked histories, laws for all, and that they learn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from policysearch.errors import UserError
from policysearch.rules import RULES, Choice, History, Pull, Tally
from policysearch.rules.epsilon_greedy import DecayingEpsilonGreedy, EpsilonGreedy
from policysearch.rules.greedy import Greedy
from policysearch.rules.ucb import Ucb


def history(*arms: list[float], pending=None, failures=None) -> History:
    tally = Tally()
    keys = [str(i) for i in range(len(arms))]
    for i, rewards in enumerate(arms):
        for reward in rewards:
            tally.start(Pull(keys[i]))
            tally.finish(Pull(keys[i]), reward)
        for _ in range((pending or {}).get(i, 0)):
            tally.start(Pull(keys[i]))
        for _ in range((failures or {}).get(i, 0)):
            tally.start(Pull(keys[i]))
            tally.finish(Pull(keys[i]), None)
    return tally.history(keys)


def choices(rule, h, n=200):
    return [rule.choose(h, np.random.default_rng(seed)).arm for seed in range(n)]


def test_history_by_hand():
    h = history([0.5, 0.7], [0.9], [], pending={1: 2}, failures={2: 1})
    assert h.pulls.tolist() == [2, 1, 0]
    assert h.means.tolist() == pytest.approx([0.6, 0.9, -np.inf])
    assert h.started.tolist() == [2, 3, 1]
    assert h.deviation == pytest.approx(np.sqrt(0.02))  # one arm with two rewards: SS = 0.02, one degree of freedom


def test_deviation_is_pooled_within_arms_and_falls_back_to_all_rewards():
    a, b = [0.1, 0.3, 0.2], [5.0, 5.4]
    expected = np.sqrt((np.var(a) * 3 + np.var(b) * 2) / 3)
    assert history(a, b, [9.0]).deviation == pytest.approx(expected)
    assert history([1.0], [2.0], [4.0]).deviation == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert history([1.0], []).deviation == 0


@pytest.mark.parametrize("name", sorted(RULES))
class TestEveryRule:
    def rule(self, name):
        return RULES[name][1]()

    def test_nothing_known_yet(self, name):
        seen = set(choices(self.rule(name), history([], [], [])))
        assert seen == {0, 1, 2}

    def test_same_generator_same_choice(self, name):
        h = history([0.1, 0.2], [0.15], [0.3])
        assert choices(self.rule(name), h) == choices(self.rule(name), h)

    def test_order_of_outcomes_does_not_matter(self, name):
        one, other = history([0.25, 0.5], [0.125]), history([0.5, 0.25], [0.125])
        assert choices(self.rule(name), one) == choices(self.rule(name), other)

    def test_failures_and_pending_pulls_are_accepted(self, name):
        for h in (
            history([], [], failures={0: 2, 1: 1}),
            history([], [], pending={0: 1}),
            history([0.5], [], failures={1: 3}, pending={0: 4}),
        ):
            assert set(choices(self.rule(name), h, 20)) <= {0, 1}

    def test_one_arm(self, name):
        assert set(choices(self.rule(name), history([0.5]), 5)) == {0}


def test_ucb_index_by_hand():
    """Means .50 and .52, three pulls and one, s from the first arm: bonus s·sqrt(2 ln 4 / n)."""
    h = history([0.48, 0.50, 0.52], [0.40])
    s = 0.02
    bonus = s * np.sqrt(2 * np.log(4) / np.array([3, 1]))
    index = np.array([0.50, 0.40]) + bonus
    assert choices(Ucb(), h, 5) == [int(index.argmax())] * 5
    c = 0.1 / (bonus[1] - bonus[0]) * s / s
    assert choices(Ucb(c=c * 1.01), h, 5) == [1] * 5
    assert choices(Ucb(c=c * 0.99), h, 5) == [0] * 5


def test_ucb_counts_pending_pulls():
    base = [[0.5, 0.52], [0.5, 0.52]]
    assert set(choices(Ucb(), history(*base, pending={0: 1}), 20)) == {1}
    assert set(choices(Ucb(), history(*base), 50)) == {0, 1}


def test_ucb_tries_each_arm_once_pending_and_failed_ones_counted():
    assert set(choices(Ucb(), history([0.1], [], [], [], pending={1: 1}, failures={3: 1}), 50)) == {2}


def test_greedy_explores_each_arm_c_times_and_commits():
    assert set(choices(Greedy(c=2), history([0.9, 0.9], [0.1], [0.2]), 50)) == {1, 2}
    assert set(choices(Greedy(c=2), history([0.9, 0.9], [0.1, 0.1], [0.2, 0.3]), 50)) == {0}


def test_epsilon_greedy_explores_at_its_rate():
    """4,000 draws; the share of the best arm is 1 - ε + ε/K = .85; 5 sd is .028, false alarm 6e-7."""
    h = history([0.9], [0.1], [0.2], [0.3])
    share = np.mean(np.array(choices(EpsilonGreedy(0.2), h, 4000)) == 0)
    assert abs(share - 0.85) < 0.028
    decayed = history([0.9] * 396, [0.1], [0.2], [0.3])  # t = 400, rate 10: ε = .1, share .925, 5 sd .021
    share = np.mean(np.array(choices(DecayingEpsilonGreedy(10), decayed, 4000)) == 0)
    assert abs(share - 0.925) < 0.021


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ucb(c=-1),
        lambda: Greedy(c=0),
        lambda: EpsilonGreedy(1.5),
        lambda: DecayingEpsilonGreedy(0),
        lambda: Ucb(c=float("nan")),
    ],
)
def test_parameters_out_of_range_are_refused(make):
    with pytest.raises(UserError, match="got"):
        make()


@dataclass(frozen=True)
class AntiUcb:
    """The planted bug: the bound of the negated means."""

    def choose(self, h: History, rng: np.random.Generator) -> Choice:
        return Ucb().choose(replace(h, sums=-h.sums), rng)


MEANS = np.linspace(0.80, 0.83, 10)


def total(rule, seed: int, pulls: int = 200) -> float:
    """Expected reward gathered over `pulls` on ten normal arms, gaps and noise as in this field."""
    rng, tally, got = np.random.default_rng(seed), Tally(), 0.0
    keys = [str(i) for i in range(10)]
    for t in range(pulls):
        arm = rule.choose(tally.history(keys), np.random.default_rng([seed, t])).arm
        tally.start(Pull(keys[arm]))
        tally.finish(Pull(keys[arm]), MEANS[arm] + 0.01 * rng.standard_normal())
        got += MEANS[arm] - MEANS.mean()
    return got


def better_than_uniform(rule) -> bool:
    """One-sided t-test over 20 seeds at 1e-6: the false-alarm rate of a rule no better than uniform."""
    return ttest_1samp([total(rule, seed) for seed in range(20)], 0, alternative="greater").pvalue < 1e-6


@pytest.mark.parametrize("name", ["greedy", "epsilon-greedy", "epsilon-greedy-decay", "ucb"])
def test_rules_beat_uniform(name):
    assert better_than_uniform(RULES[name][1]())


def test_uniform_and_a_planted_bug_do_not():
    assert not better_than_uniform(RULES["random"][1]())
    assert not better_than_uniform(AntiUcb())
