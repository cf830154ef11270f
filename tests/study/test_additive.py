"""The strategy `additive`: its design, its model, and whether it finds what is planted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from policysearch.core.errors import UserError
from policysearch.policy.presets import preset
from policysearch.policy.space_files import load_space, parse_space
from policysearch.policy.spaces import Arm
from policysearch.study.additive.design import contrasts, screening, screening_among
from policysearch.study.additive.effects import effects
from policysearch.study.additive.factors import factors_of
from policysearch.study.additive.model import Observations, _log_evidence, fitted
from policysearch.study.additive.ranking import ranked_by_effects
from policysearch.study.additive.settings import AdditiveSettings, parsed_settings
from policysearch.study.additive.strategy import additive, observed
from policysearch.study.rows import COMPLETE, FAILED, RUNNING
from policysearch.study.strategies import make_strategy
from tests.support.factors import BEST, EFFECTS, FACTORS, SIZES, SPACE, History, row, searched, worth_of
from tests.support.selection import slow_but


@pytest.mark.parametrize("runs", [1, 7, 24])
def test_every_level_has_an_even_share_of_the_design(runs):
    design = screening(SIZES, runs, np.random.default_rng(0))
    assert design.shape == (runs, len(SIZES))
    for f, size in enumerate(SIZES):
        counts = np.bincount(design[:, f], minlength=size)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(("factors", "runs", "least"), [(7, 8, 0.84), (11, 12, 0.86), (15, 16, 0.84)])
def test_the_design_is_near_plackett_and_burmans(factors, runs, least):
    """Their designs (1946) have det(XᵀX) = Nᴺ for levels of ±1, the largest that there is."""
    design = screening([2] * factors, runs, np.random.default_rng(0))
    signs = np.hstack([np.ones((runs, 1)), 2 * design - 1])
    assert np.linalg.slogdet(signs.T @ signs)[1] / (factors + 1) > np.log(least * runs)


def test_a_design_among_given_arms_tells_more_than_a_random_one():
    rng = np.random.default_rng(1)
    candidates = np.stack([rng.integers(size, size=200) for size in SIZES], 1)
    chosen = screening_among(candidates, SIZES, 20, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 20
    assert len(screening_among(candidates[:5], SIZES, 20, rng)) == 5

    def information(rows):
        columns = contrasts(candidates[rows], SIZES)
        return np.linalg.slogdet(columns.T @ columns + 1e-3 * np.eye(columns.shape[1]))[1]

    assert information(chosen) > max(information(rng.choice(200, 20, replace=False)) for _ in range(50))


def observations(levels, rewards, replicates=None):
    replicates = np.zeros(len(levels), np.int64) if replicates is None else replicates
    return Observations(np.asarray(levels), np.asarray(replicates), np.asarray(rewards, float))


def test_the_posterior_is_that_of_the_textbook():
    """Given the variances, mean and covariance are (XᵀX/s² + V⁻¹)⁻¹Xᵀy/s², which is solved here in another way."""
    rng = np.random.default_rng(0)
    levels = np.stack([rng.integers(size, size=30) for size in SIZES], 1)
    replicates = rng.integers(3, size=30)
    rewards = 0.6 + 0.02 * levels[:, 0] + 0.01 * replicates + 0.005 * rng.standard_normal(30)
    model = fitted(observations(levels, rewards, replicates), SIZES, 0)
    design = contrasts(levels, SIZES)
    variances = _variances(model, levels, replicates, rewards)
    prior = design * variances["effects"] @ design.T + variances["replicates"] * np.equal.outer(replicates, replicates)
    total = prior + model.noise**2 * np.eye(30)
    gain = (design * variances["effects"]).T @ np.linalg.inv(total)
    assert np.allclose(model.mean, gain @ (rewards - rewards.mean()), atol=1e-9)
    covariance = np.diag(variances["effects"]) - gain @ design * variances["effects"]
    assert np.allclose(model.covariance, covariance, atol=1e-9)


def _variances(model, levels, replicates, rewards):
    """The variances that the model's own covariance implies where data say nothing: those of its prior."""
    from policysearch.study.additive.model import Fit

    fit = Fit.of(observations(levels, rewards, replicates), SIZES, ())
    scale = fit.scale**2
    per_effect = np.repeat(fit.variances[:2], [1, sum(SIZES) - len(SIZES)]) * scale
    return {"effects": per_effect, "replicates": fit.variances[2] * scale}


def test_the_evidence_is_that_of_the_rewards_joint_normal():
    rng = np.random.default_rng(0)
    columns, variances, noise = rng.standard_normal((50, 12)), rng.uniform(0.01, 2, 12), 0.3
    rewards = rng.standard_normal(50)
    covariance = (columns * variances) @ columns.T + noise * np.eye(50)
    joint = multivariate_normal(np.zeros(50), covariance).logpdf(rewards) + 25 * np.log(2 * np.pi)
    assert _log_evidence(columns, variances, noise, rewards) == pytest.approx(joint, rel=1e-10)


def test_effects_are_found_and_those_of_replicates_taken_out():
    """A replicate that is 0.1 better than the others must not make the levels that were pulled on it look better."""
    levels = screening(SIZES, 24, np.random.default_rng(0))
    replicates = (levels[:, 4] == 1).astype(int) ^ (np.arange(24) % 8 == 0)
    worth = 0.5 + 0.03 * (levels[:, 0] == 1) - 0.02 * (levels[:, 1] == 2)
    model = fitted(observations(levels, worth + 0.1 * replicates, replicates), SIZES, 0)
    names = contrasts(np.eye(5, dtype=np.int64), SIZES).shape[1]
    assert len(model.mean) == names == 1 + 1 + 2 + 1 + 2 + 2
    assert model.mean[1] == pytest.approx(0.03, abs=0.005) and model.mean[3] == pytest.approx(-0.02, abs=0.005)
    assert abs(model.mean[7]) < 0.02  # what would be 0.08 without an effect of the replicate
    blind = fitted(observations(levels, worth + 0.1 * replicates), SIZES, 0)
    assert abs(blind.mean[7]) > 0.04


@pytest.mark.parametrize("case", range(8))
def test_a_planted_pair_is_found(case):
    rng = np.random.default_rng([1, case])
    levels = screening(SIZES, 60, rng)
    both = (levels[:, 0] == 1) & (levels[:, 4] == 2)
    model = fitted(observations(levels, 0.05 * both + 0.01 * rng.standard_normal(60)), SIZES, 3)
    assert (0, 4) in model.pairs


@pytest.mark.slow
def test_pairs_are_seldom_found_where_there_is_none():
    """100 searches without interactions. A pair is found in at most 1 of 20; without the odds that a pair must have
    against it (the planted bug), in more than a third."""
    from policysearch.study.additive import model as module

    def share(odds):
        found = 0
        for case in range(100):
            rng = np.random.default_rng([2, case])
            levels = screening(SIZES, 30, rng)
            rewards = 0.02 * levels[:, 0] + 0.01 * rng.standard_normal(30)
            found += bool(fitted(observations(levels, rewards), SIZES, 3).pairs)
        return found / 100

    assert share(None) <= 0.05
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ODDS", -2.0)
        assert share(None) > 0.3


@pytest.mark.parametrize("seed", slow_but([0, 1], range(8)))
def test_the_best_assignment_is_found_where_effects_add_up(seed):
    """Of 108 assignments, in 40 pulls with the noise of an effect: within 0.011 of the best, for 8 seeds.

    A strategy that drew 40 arms at random and took the best by its one noisy reward would be 0.02 short on average.
    """
    strategy = additive(AdditiveSettings(), SPACE, 40)
    factors = strategy.pool.factors
    worth = worth_of(factors, EFFECTS)
    history = searched(strategy, worth, 40, seed, noise=0.015)
    model = strategy.model(history.rows)
    arm = strategy.pool.best(model, model.mean, np.random.default_rng(0))
    assert worth(arm, 0) > BEST - 0.0101


def test_what_is_chosen_depends_on_the_record_alone():
    def a_strategy():
        return additive(AdditiveSettings(), SPACE, 30)

    worth = worth_of(factors_of(SPACE), EFFECTS)
    whole = searched(a_strategy(), worth, 30, noise=0.01)
    for number in (0, 1, 9, 17, 29):
        choice = a_strategy().choose(History(whole.rows[:number]))
        recorded = whole.rows[number]
        assert choice.arm.key == recorded.arm.key and choice.replicate == recorded.replicate
    assert [row.replicate for row in whole.rows[:8]] == [0, 1, 2, 3, 0, 1, 2, 3]


def test_pulls_under_way_and_failed_ones_are_no_hindrance():
    strategy = additive(AdditiveSettings(), SPACE, 30)
    history = searched(strategy, worth_of(strategy.pool.factors, EFFECTS), 20)
    for number in range(20, 25):
        history.rows.append(row(number, strategy.choose(history), None, RUNNING if number % 2 else FAILED))
    assert strategy.choose(history).arm.policy.sub_policies
    nothing = History([row(n, strategy.choose(History([])), None, FAILED) for n in range(25)])
    assert strategy.choose(nothing).arm.policy.sub_policies


def test_no_training_is_bought_twice():
    """Two factors, four arms: the same arm on the same replicate would be the same training, bit for bit."""
    text = FACTORS.replace("crop = [0.0, 0.1, 0.2]", "crop = [0.1]").replace("side = [0.0, 0.3, 0.5]", "side = [0.3]")
    space = parse_space("few", text.replace("degrees = [5, 10, 20]", "degrees = [5]"), "space few")
    strategy = additive(AdditiveSettings(replicates=2), space, 30)
    history = searched(strategy, lambda arm, replicate: float(len(arm.name)), 30)
    pulls = [(row.arm.key, row.replicate) for row in history.rows]
    assert len(set(pulls)) == len(pulls) and {replicate for _, replicate in pulls} >= {0, 1}


@pytest.mark.parametrize("listed", [False, True])
def test_a_level_that_has_only_failed_is_left_alone(listed):
    """It has no reward that would speak against it, so that a model of rewards alone would draw it for ever."""
    strategy = additive(AdditiveSettings(screening=0.4), SPACE, 60, SPACE.arms(0) if listed else None)
    history = History([])
    for number in range(60):
        choice = strategy.choose(history)
        failed = "degrees=20" in choice.arm.name
        state, reward = (FAILED, None) if failed else (COMPLETE, 0.5)
        history.rows.append(row(number, choice, reward, state))
    failures = [trial.number for trial in history.rows if trial.reward is None]
    assert len(failures) >= 4 and failures[-1] < 45 and len(failures) < 12


def test_points_come_first_and_fixed_policies_count_as_points_of_the_factors():
    strategy = make_strategy("additive", load_space("recipe"), 0, 40)
    space = load_space("recipe")
    first = [row.arm.name for row in searched(strategy, lambda arm, replicate: 0.5, len(space.points)).rows]
    assert first == [*space.points]
    levels = strategy.pool.factors.levels(Arm({"family": "flip-crop"}, preset("flip-crop")))
    names = strategy.pool.factors.names
    assert levels[names.index("recipe.crop")] == 1 and levels[names.index("recipe.move")] == -1
    assert strategy.pool.factors.levels(Arm({"family": "augmix"}, preset("augmix"))) is None


def test_only_arms_of_a_list_are_pulled():
    space = load_space("recipe")
    arms = space.arms(0)
    strategy = make_strategy("additive", space, 0, 30, arms)
    history = searched(strategy, lambda arm, replicate: len(arm.policy.sub_policies[0].steps) / 10, 30)
    assert {row.arm.key for row in history.rows} <= {arm.key for arm in arms}
    assert [row.arm.name for row in history.rows[:4]] == [arm.name for arm in arms[:4]]


PLANTED = ((0, 0.03), (0, 0.02, -0.01), (0, 0.01), (0, -0.02, 0.02), (0, 0, 0))


def covered(seed, pulls=40, chosen=True):
    """Which of eight planted effects, three of them nothing, lie in their intervals after a search."""
    strategy = additive(AdditiveSettings() if chosen else AdditiveSettings(screening=1), SPACE, pulls)
    factors = strategy.pool.factors
    history = searched(strategy, worth_of(factors, PLANTED), pulls, seed, noise=0.015)
    measured = effects(observed(factors, history.rows), factors, 3)
    truths = [effect for of_factor in PLANTED for effect in of_factor[1:]]
    return [e.difference.low <= truth <= e.difference.high for e, truth in zip(measured, truths, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize(("chosen", "least"), [(False, 0.935), (True, 0.895)])
def test_intervals_hold_the_truth_as_often_as_the_report_says(chosen, least):
    """120 searches of eight effects: 94 % and more where a design chose the pulls, 90 % and more where the search did.

    With independent intervals of 95 % fewer than 93.5 % of 960 would be seen in 1 of 30 runs. Intervals from the
    posterior of the shrunken effects instead (the planted bug) hold the large effects too seldom.
    """
    shares = np.mean([covered(seed, chosen=chosen) for seed in range(120)], axis=0)
    assert shares.mean() > least and shares.min() > 0.8


def test_effects_are_those_of_least_squares_where_nothing_is_shrunk():
    """With a balanced design of two factors and no noise the effect of a level is the difference of its means."""
    factors = factors_of(SPACE)
    levels = np.array(list(itertools.product(range(2), range(3), range(2), range(3), range(3))))
    coded = np.array([factors.coded(row) for row in levels])
    rewards = 0.5 + 0.03 * (levels[:, 0] == 1) - 0.02 * (levels[:, 1] == 2)
    measured = {(e.factor, e.level): e for e in effects(observations(coded, rewards), factors, 0)}
    assert measured["flip", 0.5].difference.mean == pytest.approx(0.03, abs=1e-6)
    assert measured["crop", 0.2].difference.mean == pytest.approx(-0.02, abs=1e-6)
    assert measured["side", 0.5].difference.mean == pytest.approx(0, abs=1e-6)
    assert measured["degrees", 20].pulls == 18 and measured["degrees", 20].reference == 5


def test_a_level_that_was_not_pulled_has_no_effect():
    factors = factors_of(SPACE)
    levels = np.array([[0, 0, 0, -1, 0], [1, 0, 0, -1, 0], [0, 1, 1, 0, 1], [1, 1, 0, -1, 1], [0, 0, 1, 1, 0]])
    measured = effects(observations(levels, [0.5, 0.6, 0.5, 0.6, 0.55]), factors, 3)
    by_level = {(e.factor, e.level): e.difference for e in measured}
    assert np.isnan(by_level["crop", 0.2].mean) and np.isnan(by_level["side", 0.5].low)
    assert np.isfinite(by_level["flip", 0.5].mean)


def test_finalists_are_what_the_model_thinks_best():
    """Of 40 pulls, mostly one an arm: the first five by the model are better than the first five by their rewards."""
    strategy = additive(AdditiveSettings(screening=1), SPACE, 40)
    worth = worth_of(strategy.pool.factors, EFFECTS)
    gains = []
    for seed in range(4):
        rows = searched(strategy, worth, 40, seed, noise=0.03).rows
        by_model = ranked_by_effects(AdditiveSettings(), SPACE, rows)
        by_reward = [r.arm for r in sorted(rows, key=lambda r: -r.reward)]
        gains.append(np.mean([worth(a, 0) for a in by_model[:5]]) - np.mean([worth(a, 0) for a in by_reward[:5]]))
    assert np.mean(gains) > 0.005 and min(gains) > 0


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("default", r"the space has 4 families \(randaugment-level, crop, crop-randaugment, occlusion\)"),
        ("autoaugment", "repeats its sub-policies"),
    ],
)
def test_a_space_that_is_no_product_of_factors_is_refused(space, message):
    with pytest.raises(UserError, match=f"'{space}' is none: .*{message}.*; give --space recipe"):
        make_strategy("additive", load_space(space), 0, 40)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("additive:screening=0", r"screening must lie in \[0.1, 1\], got 0"),
        ("additive:replicates=1.5", "replicates must be a whole number, got '1.5'"),
        ("additive:interactions=21", r"interactions must lie in \[0, 20\], got 21"),
        ("additive:pairs=1", "has no parameter 'pairs'; it has screening, replicates, interactions"),
    ],
)
def test_settings_are_checked(spec, message):
    with pytest.raises(UserError, match=message):
        parsed_settings(spec)
