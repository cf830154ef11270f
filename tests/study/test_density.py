"""The strategy `density`: its parameters, its chains, what it merges, and when it waits."""

from __future__ import annotations

import pytest

from policysearch.child.fold_task import FoldTask
from policysearch.core.errors import UserError
from policysearch.core.trial import Outcome
from policysearch.policy.presets import preset
from policysearch.policy.space_files import load_space, parse_space
from policysearch.policy.spaces import Arm
from policysearch.rules import Tally
from policysearch.study.config import make_config
from policysearch.study.density_chains import best_of, chains, fold_task, merged_arm
from policysearch.study.density_settings import DensitySettings, density_settings, with_density
from policysearch.study.density_strategy import DensityStrategy
from policysearch.study.rows import COMPLETE, FAILED, RUNNING, Row

SMALL = DensitySettings(folds=2, best=2, rounds=2)
SPACE = load_space("single")
FEW = """
schema = 1
[[family]]
name = "flip"
parameters = { operation = ["flip-horizontal", "flip-vertical"], probability = [0.5, 1.0] }
[family.policy]
sub_policies = [{ steps = [{ operation = "$operation", probability = "$probability" }] }]
"""
ARMS = [arm for arm in SPACE.arms(0) if str(arm.parameters["family"]) in SPACE.families]
IDENTITY = Arm({"family": "identity"}, preset("identity"))


class History:
    def __init__(self, rows):
        self.seed, self.rows, self.tally = 3, rows, Tally(1)


def ended(number, arm, replicate, reward):
    state = COMPLETE if reward is not None else FAILED
    return Row(number, arm, replicate, state=state, reward=reward, outcome=Outcome({}, "" if reward else "x"))


def trained(*rewards):
    return [ended(k, IDENTITY, k, reward) for k, reward in enumerate(rewards)]


def searched(rows, rewards):
    """Evaluations with these rewards, of an arm each."""
    folds = [row.replicate for row in rows if row.reward is not None]
    return rows + [ended(len(rows) + i, ARMS[i], folds[i % len(folds)], reward) for i, reward in enumerate(rewards)]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("density:folds=1", r"folds must lie in \[2, 1000\], got 1"),
        ("density:best=0", r"best must lie in \[1, 1000\], got 0"),
        ("density:draws=1001", r"draws must lie in \[1, 1000\], got 1001"),
        (f"density:draws={'1' * 5000}", "draws must be a whole number, got '1111"),
        ("density:rounds=x", "rounds must be a whole number, got 'x'"),
        ("density:fold=3", "no parameter 'fold'; it has folds, best, rounds, draws, score"),
        ("density:score=ece", "score must be loss or accuracy, got 'ece'"),
    ],
)
def test_bad_parameters(spec, message):
    with pytest.raises(UserError, match=message):
        density_settings(spec)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reward": "-loss"}, "maximises -held_out_loss .*'-loss': leave --reward out"),
        ({"trials": 40}, r"needs 105 trials \(5 trainings and 100 evaluations\) or more, got 40"),
        ({"finalists": 3}, "has one finalist"),
    ],
)
def test_settings_that_do_not_go_with_it(settings, message):
    with pytest.raises(UserError, match=message):
        with_density(make_config({"strategy": "density", **settings}))


def test_what_follows_for_a_search():
    config = with_density(make_config({"strategy": "density:folds=3,score=accuracy", "confirm_reward": "-loss"}))
    assert (config.reward, config.last_reward, config.finalists) == ("held_out_accuracy", "-loss", 1)
    assert config.trials == 3 + 6 * 40
    assert with_density(config) == config, "a search that is continued has them already"
    assert with_density(make_config({"strategy": "density"})).last_reward == "accuracy"
    assert with_density(make_config({"strategy": "tpe"})) == make_config({"strategy": "tpe"})


def test_folds_are_trained_first_and_all_of_them_before_a_policy_is_evaluated():
    strategy, rows = DensityStrategy(SMALL, SPACE), []
    for fold in range(2):
        choice = strategy.choose(History(rows))
        assert choice is not None and (choice.arm, choice.replicate) == (IDENTITY, fold)
        rows.append(Row(fold, choice.arm, fold))
    assert strategy.choose(History(rows)) is None
    rows[0] = trained(-0.5)[0]
    assert strategy.choose(History(rows)) is None, "one is still at work"
    choice = strategy.choose(History(trained(-0.5, -0.6)))
    assert choice is not None and choice.replicate == 0 and choice.arm.parameters["family"] in SPACE.families


def test_evaluations_go_to_the_chains_in_turn_and_a_chain_waits_for_its_own_alone():
    rows = searched(trained(-0.5, -0.5), [-1.0, -2.0, -3.0, -4.0, -5.0])
    assert [(c.fold, [r.reward for r in c.rows]) for c in chains(rows, SMALL)] == [
        (0, [-1.0, -5.0]),
        (1, [-2.0]),
        (0, [-3.0]),
        (1, [-4.0]),
    ]
    strategy = DensityStrategy(SMALL, SPACE)
    others_at_work = [*rows[:2], *(Row(r.number, r.arm, r.replicate) if r.reward != -2.0 else r for r in rows[2:])]
    assert others_at_work[2].state == RUNNING
    choice = strategy.choose(History(others_at_work))
    assert choice is not None and choice == strategy.choose(History(rows)), "other chains change nothing"
    own_at_work = [Row(r.number, r.arm, r.replicate) if r.reward == -2.0 else r for r in rows]
    assert strategy.choose(History(own_at_work)) is None


def test_a_fold_whose_training_failed_is_left_out():
    rows = searched(trained(-0.5, None), [-1.0, -2.0, -3.0])
    assert [(c.fold, len(c.rows)) for c in chains(rows, SMALL)] == [(0, 2), (0, 1)]
    assert DensityStrategy(SMALL, SPACE).choose(History(trained(None, None))) is None
    assert merged_arm(trained(None, None), SMALL) is None


def test_the_best_of_each_chain_are_merged():
    rewards = [-4.0, -1.0, -9.0, -1.0, -3.0, -2.0, None, -5.0, -5.0]
    rows = searched(trained(-0.5, -0.5), rewards)
    best = [[r.reward for r in rows if r.arm in best_of(c, 2)] for c in chains(rows, SMALL)]
    assert best == [[-4.0, -3.0], [-1.0, -2.0], [-9.0], [-1.0, -5.0]]
    arm = merged_arm(rows, SMALL)
    assert arm is not None and arm.policy.name == "density(folds=2, best=2, rounds=2)"
    expected = [ARMS[i].policy.sub_policies[0] for i in (4, 0, 1, 5, 2, 3, 7)]
    assert list(arm.policy.sub_policies) == expected


def test_an_arm_that_is_best_twice_counts_twice_but_once_in_a_chain():
    again = [ended(2 + i, ARMS[k], i % 2, -1.0) for i, k in enumerate([0, 0, 1, 2, 0, 3])]
    arm = merged_arm(trained(-0.5, -0.5) + again, SMALL)
    assert arm is not None
    weights = {sub: sub.weight for sub in arm.policy.sub_policies}
    assert sorted(weights.values()) == [1.0, 1.0, 1.0, 2.0], "one chain has the arm twice, and its next best too"


def test_no_policy_is_evaluated_twice_in_a_chain_while_there_are_others():
    one, rows = DensitySettings(folds=2, best=1, rounds=1), trained(-0.5, -0.5)
    space = parse_space("few", FEW, "space")
    for number in range(2, 2 + 2 * 6):
        choice = DensityStrategy(one, space).choose(History(rows))
        rows.append(ended(number, choice.arm, choice.replicate, -float(number)))
    for chain in chains(rows, one):
        assert len({row.arm.key for row in chain.rows[:4]}) == 4, "the space has four"
        assert len(chain.rows) == 6


def test_a_strategy_that_was_made_anew_goes_on_as_the_old_one():
    """With arms that come again, and with failures."""
    one = DensitySettings(folds=2, best=1, rounds=1)
    for space, count in ((parse_space("few", FEW, "space"), 12), (SPACE, 28)):
        kept, rows = DensityStrategy(one, space), trained(-0.5, -0.5)
        for number in range(2, 2 + count):
            choice = kept.choose(History(rows))
            if number % 5 == 0:
                assert choice == DensityStrategy(one, space).choose(History(rows))
                assert choice == kept.choose(History(rows)), "asked again, it says the same"
            worth = int(choice.arm.key[:6], 16) / 16**6
            rows.append(ended(number, choice.arm, choice.replicate, None if number % 7 == 0 else -worth))


def test_what_workers_are_asked_for():
    training, evaluation = trained(-0.5, -0.5)[1], searched(trained(-0.5, -0.5), [-1.0, -1.0])[3]
    tasks = [FoldTask.from_json(fold_task(row, SMALL, 7, "/run")) for row in (training, evaluation)]
    assert tasks == [FoldTask(2, 1, 7, 1, "/run", trains=True), FoldTask(2, 1, 7, 1, "/run", trains=False)]
