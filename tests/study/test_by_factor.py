"""The strategy `by-factor`: a rule for each factor, over its levels."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.policy.space_files import load_space
from policysearch.study.additive.factors import factors_of
from policysearch.study.by_factor.settings import ByFactorSettings, by_factor_settings
from policysearch.study.by_factor.strategy import by_factor
from policysearch.study.further_strategies import ranked_arms
from policysearch.study.rows import COMPLETE, FAILED, RUNNING
from policysearch.study.strategies import make_strategy
from tests.support.factors import BEST, EFFECTS, SIZES, SPACE, History, row, searched, worth_of


def shares(rows, factor):
    """The share of the pulls in which the factor has a say that each of its levels has."""
    factors = factors_of(SPACE)
    levels = [int(factors.levels(row.arm)[factor]) for row in rows]
    counts = np.bincount([level for level in levels if level >= 0], minlength=SIZES[factor])
    return counts / counts.sum()


@pytest.mark.parametrize("name", ["greedy", "ucb", "kl-ucb", "thompson", "exp3", "random"])
def test_rules_pull_the_better_level_of_a_factor_more_often(name):
    """The first factor adds 0.3 in 0.9 and nothing else does anything: its better level gets most of 80 pulls.

    `random` is the planted fault: it gives both levels about half, which the bound would catch in any other rule.
    """

    def worth(arm, replicate):
        return 0.6 + 0.3 * factors_of(SPACE).levels(arm)[0]

    rows = searched(by_factor(ByFactorSettings(rule=name), SPACE, 80), worth, 80, noise=0.02).rows
    better = shares(rows, 0)[1]
    assert (0.4 < better < 0.65) if name == "random" else better > 0.7


@pytest.mark.parametrize("rule", ["thompson", "epsilon-greedy-decay", "ucb"])
def test_the_finalists_are_near_the_best_assignment_where_effects_add_up(rule):
    """Of 108 assignments in 60 pulls, over 4 seeds: the model's first pick is 0.01 short of the best for `thompson` and
    `epsilon-greedy-decay` at most, and 0.02 for `ucb`, which explores less; arms drawn at random are 0.06 short.
    """
    spec, worth = f"by-factor:rule={rule}", worth_of(factors_of(SPACE), EFFECTS)
    short = []
    for seed in range(4):
        rows = searched(make_strategy(spec, SPACE, seed, 60), worth, 60, seed, noise=0.01).rows
        short.append(BEST - worth(ranked_arms(spec, SPACE, rows)[0], 0))
    assert np.mean(short) < (0.025 if rule == "ucb" else 0.01)


def test_what_is_chosen_depends_on_the_record_alone():
    def a_strategy():
        return by_factor(ByFactorSettings(rule="thompson"), SPACE, 30)

    whole = searched(a_strategy(), worth_of(factors_of(SPACE), EFFECTS), 30, noise=0.01)
    for number in (0, 1, 9, 29):
        choice = a_strategy().choose(History(whole.rows[:number]))
        assert (choice.arm.key, choice.replicate) == (whole.rows[number].arm.key, whole.rows[number].replicate)
    pulls = [(pull.arm.key, pull.replicate) for pull in whole.rows]
    assert len({*pulls}) == len(pulls), "no training is bought twice"


def test_a_factor_without_a_say_learns_nothing():
    """How far a turn turns says nothing where nothing is turned: `degrees` has as many pulls as there are turns."""
    strategy = by_factor(ByFactorSettings(), SPACE, 40)
    rows = searched(strategy, worth_of(factors_of(SPACE), EFFECTS), 40).rows
    names = strategy.pool.factors.names
    tallies = strategy._tallies(rows)
    turns = tallies[names.index("small.what")].history(["0", "1"]).pulls[1]
    degrees = tallies[names.index("small.degrees")].history(["0", "1", "2"]).pulls
    assert degrees.sum() == turns < 40


def test_pulls_under_way_and_failed_ones_count_as_rules_count_them():
    strategy = by_factor(ByFactorSettings(), SPACE, 30)
    history = searched(strategy, worth_of(strategy.pool.factors, EFFECTS), 20)
    before = strategy._tallies(history.rows)[0].history(["0", "1"])
    for number, state in enumerate((RUNNING, FAILED, COMPLETE), 20):
        reward = 0.5 if state == COMPLETE else None
        history.rows.append(row(number, strategy.choose(history), reward, state))
    after = strategy._tallies(history.rows)[0].history(["0", "1"])
    assert after.pending.sum() == 1 and after.failures.sum() == 1 and after.pulls.sum() == before.pulls.sum() + 1


def test_only_arms_of_a_list_are_pulled_and_of_these_the_nearest():
    space = load_space("recipe")
    arms = space.arms(0)
    strategy = make_strategy("by-factor", space, 0, 30, arms)
    rows = searched(strategy, lambda arm, replicate: len(arm.policy.sub_policies[0].steps) / 10, 30).rows
    assert {row.arm.key for row in rows} <= {arm.key for arm in arms}
    levels = strategy.pool.factors.levels(arms[20])
    assert strategy.pool.nearest(np.maximum(levels, 0).tolist(), np.random.default_rng(0)).key == arms[20].key


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("by-factor:replicates=0", r"strategy by-factor: replicates must lie in \[1, 100\], got 0"),
        ("by-factor:rule=ubc", "unknown rule of strategy by-factor 'ubc': did you mean ucb"),
        ("by-factor:rule=asha", "rule asha needs pulls of several sizes"),
        ("by-factor:rule=linucb", "rule linucb needs arms that it can compare by their policies"),
        ("by-factor:rule=ucb:d=1", "ucb has no parameter 'd'"),
        ("by-factor:levels=1", "has no parameter 'levels'"),
    ],
)
def test_settings_are_checked(spec, message):
    with pytest.raises(UserError, match=message):
        by_factor_settings(spec)


def test_a_space_that_is_no_product_of_factors_is_refused():
    with pytest.raises(UserError, match="strategy by-factor takes a space that is a product of factors, and 'default'"):
        make_strategy("by-factor", load_space("default"), 0, 40)
