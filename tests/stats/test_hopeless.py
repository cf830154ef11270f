"""The paired test of hopeless arms: by hand, and how often it stops the arm that is truly best."""

from __future__ import annotations

import math

import numpy as np
import pytest

from policysearch.stats.hopeless import behind_best
from policysearch.stats.quantiles import t_tail
from tests.support.stopped_arms import best_is_stopped, stops


def test_by_hand():
    """Three arms on three replicates: arm effects 0, 2, 1, replicate effects 0, 1, -1, and one value 0.3 too high.

    The residuals of an additive fit to a single deviation e are e·(1 - 1/3)² = 4/9 e in its cell, their squares sum to
    e²·4/9, on 4 degrees of freedom.
    """
    values = np.add.outer([0.0, 2.0, 1.0], [0.0, 1.0, -1.0])
    values[2, 0] += 0.3
    loss = behind_best(values, arm=0, replicate=1, looks=2)
    assert (loss.rival, loss.replicates) == (1, 3) and loss.difference == pytest.approx(-2)
    deviation = math.sqrt(0.3**2 * 4 / 9 / 4)
    assert loss.p == pytest.approx(t_tail(2 / (deviation * math.sqrt(2 / 3)), 4))
    assert loss.level == pytest.approx(0.05 * 6 / (math.pi**2 * 4) / 2)
    assert loss.is_shown
    ahead = behind_best(values, arm=1, replicate=1, looks=1)
    assert ahead.rival == 2 and ahead.difference == pytest.approx(0.9) and not ahead.is_shown
    assert not behind_best(values, arm=0, replicate=1, looks=2, margin=2.0).is_shown


def test_where_nothing_is_known_nothing_is_stopped():
    nan = np.nan
    once = np.array([[0.1, nan], [0.9, nan], [0.8, nan]])
    assert behind_best(once, 0, 0, looks=1) is None, "no arm twice: the noise is not known"
    alone = np.array([[0.1, 0.2, 0.1, 0.3], [0.9, 0.8, 0.9, nan], [0.8, 0.9, 0.7, nan]])
    assert behind_best(alone, 0, 3, looks=1) is None, "no other arm has the replicate"
    exact = np.add.outer([0.0, 0.5, 0.4], [0.0, 0.1, 0.2])
    assert np.ptp(exact - exact[:1]) < 1 and behind_best(np.round(exact * 8) / 8 * 0, 0, 0, looks=1) is None


def test_the_rival_is_the_best_arm_that_has_the_replicate():
    nan = np.nan
    rng = np.random.default_rng(0)
    values = np.add.outer([0.0, 5.0, 3.0, 4.0], np.zeros(4)) + 0.01 * rng.standard_normal((4, 4))
    values[1, 2] = nan
    assert behind_best(values, 0, 2, looks=1).rival == 3
    assert behind_best(values, 0, 2, looks=1).level == pytest.approx(0.05 * 6 / math.pi**2 / 2)


SEARCHES, MOST = 60, 7
"""Were the best arm stopped in 5 % of searches, more than 7 of 60 would come with probability 1.3 %."""


def test_the_best_arm_is_seldom_stopped():
    assert sum(best_is_stopped(seed, gap=0.0) for seed in range(SEARCHES)) <= MOST


@pytest.mark.parametrize(
    "bug",
    ["one level for all looks and rivals", pytest.param("half of the noise", marks=pytest.mark.slow)],
)
def test_planted_bugs_are_caught(bug):
    """The same simulation rejects a test that forgets one of its parts, by the limit of the test above."""
    assert sum(best_is_stopped(seed, 0.0, bug) for seed in range(SEARCHES)) > MOST


def test_a_hopeless_arm_is_stopped():
    """An arm ten deviations behind is stopped in its third pull by most searches; one that is as good in few."""
    hopeless, level = (np.mean([stops(seed, gap) for seed in range(60)]) for gap in (0.1, 0.0))
    assert hopeless > 0.9 and level < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.0, 0.003, 0.01])
def test_the_best_arm_is_stopped_in_at_most_5_percent(gap):
    """Of 1,500 searches at most 90 (6 %): were the rate 5 %, more would come with probability 4 %."""
    assert sum(best_is_stopped(seed, gap) for seed in range(1_000, 2_500)) <= 90
