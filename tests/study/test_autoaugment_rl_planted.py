"""On a planted reward the controller finds the good operations, and a controller with a planted bug does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from policysearch.policy.space_files import load_space
from policysearch.study.autoaugment_rl import controller
from policysearch.study.autoaugment_rl.objective import ppo
from tests.support.planted_rewards import Planted, learned_worths, planted, small_space

FALSE_ALARM = 1e-5
"""Probability with which a controller that learns nothing passes: its last policies are even draws then.

Their mean over a seed is nearly normal (30 policies of two steps), which the t-test takes for granted.
"""
SPECS = ("autoaugment-rl:hidden=12,rate=0.02,passes=3", "autoaugment-rl:hidden=12,rate=0.03,batch=5,update=reinforce")


def has_learned(reward: Planted, worths: Sequence[Sequence[float]], last: int = 30) -> bool:
    """Whether the last policies of each seed are better than even draws, by a one-sided t-test over the seeds."""
    means = [float(np.mean(of_seed[-last:])) for of_seed in worths]
    return bool(ttest_1samp(means, reward.mean, alternative="greater").pvalue < FALSE_ALARM)


def quick_worths(reward: Planted, spec: str) -> list[list[float]]:
    return [learned_worths(reward, spec, seed, pulls=120, noise=0.1) for seed in range(8)]


@pytest.fixture(scope="module")
def reward() -> Planted:
    return planted(small_space(), good=2)


@pytest.mark.parametrize("spec", SPECS)
def test_it_finds_what_is_planted(spec, reward):
    assert has_learned(reward, quick_worths(reward, spec))


def flipped(logs, written, advantages, clip):
    return ppo(logs, written, -advantages, clip)


def ignoring(logs, written, advantages, clip):
    value, slope = ppo(logs, written, advantages, clip)
    return value, np.zeros_like(slope)


@pytest.mark.parametrize("bug", [flipped, ignoring])
def test_planted_bugs_are_caught(bug, reward, monkeypatch):
    monkeypatch.setattr(controller, "ppo", bug)
    assert not has_learned(reward, quick_worths(reward, SPECS[0]))


def test_rewards_of_other_policies_are_caught(reward):
    """The reward of the trial before: what a record in another order would teach."""
    before = [reward.mean]

    def late(worth: float) -> float:
        before.append(worth)
        return before[-2]

    worths = [learned_worths(reward, SPECS[0], seed, pulls=120, noise=0.1, seen=late) for seed in range(8)]
    assert not has_learned(reward, worths)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_papers_constants_find_in_its_own_space_what_random_search_does_not():
    """The best of 450 policies, three of fifteen operations being good, by what they are worth without noise.

    An even draw reaches the bar of 0.8 only with nine or ten of its ten steps good, which has probability
    10 · 0.2⁹ · 0.8 + 0.2¹⁰ < 5e-6: of all 1,350 random policies none does in more than 99 % of such tests. For a
    controller that learns nothing the same holds, so that all three seeds pass with less than 1e-6.
    """
    reward, bar, pulls = planted(load_space("autoaugment-paper"), good=3), 0.8, 450
    learned = [learned_worths(reward, "autoaugment-rl", seed, pulls, noise=0.05) for seed in range(3)]
    even = [reward.random(np.random.default_rng([seed, 9]), pulls) for seed in range(3)]
    assert all(max(worths) > bar for worths in learned)
    assert not any(max(worths) > bar for worths in even)
    assert all(np.mean(worths[-50:]) > max(best) for worths, best in zip(learned, even, strict=True))
