"""AutoAugment's controller: its updates by hand, what it can write, and that its state follows from the record."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest

from policysearch.core.errors import UserError
from policysearch.core.trial import Outcome
from policysearch.policy.space_files import load_space, parse_space
from policysearch.study.autoaugment_rl import space_form
from policysearch.study.autoaugment_rl.concatenation import concatenated
from policysearch.study.autoaugment_rl.controller import Written, _advantages, new_controller
from policysearch.study.autoaugment_rl.network import log_probabilities, read
from policysearch.study.autoaugment_rl.objective import ppo, reinforce
from policysearch.study.autoaugment_rl.settings import ControllerSettings, parsed_settings
from policysearch.study.autoaugment_rl.space_form import form_of
from policysearch.study.autoaugment_rl.strategy import AutoAugmentRl
from policysearch.study.further_strategies import strategy_caution
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rewards import parse_reward
from policysearch.study.strategies import make_strategy, must_name_a_strategy
from tests.support.planted_rewards import SMALL, small_space

SPEC = "autoaugment-rl:batch=3,hidden=6,rate=0.05"
ACCURACY = parse_reward("accuracy")


def test_the_constants_are_the_papers():
    settings = ControllerSettings()
    assert (settings.rate, settings.entropy, settings.baseline, settings.clip) == (0.00035, 0.00001, 0.95, 0.2)
    assert (settings.hidden, settings.best, settings.update) == (100, 5, "ppo")
    weights = new_controller(settings, form_of(small_space()), 0).weights
    assert -0.1 <= weights.min() < -0.099 and 0.099 < weights.max() <= 0.1


@pytest.mark.parametrize(
    ("ratio", "advantage", "value", "slope"),
    [
        (1.0, 2.0, 2.0, 2.0),  # as it was written: A, and dr/dlog = r
        (1.1, 2.0, 2.2, 2.2),  # inside the clip
        (1.5, 2.0, 2.4, 0.0),  # a good policy is already likelier by more than ε: 1.2 · 2
        (0.5, 2.0, 1.0, 1.0),  # a good one that has become unlikely is pulled back: 0.5 · 2
        (0.5, -2.0, -1.6, 0.0),  # a bad one is already unlikelier by more than ε: 0.8 · -2
        (1.5, -2.0, -3.0, -3.0),  # a bad one that has become likelier is pushed away: 1.5 · -2
    ],
)
def test_the_clip_by_hand(ratio, advantage, value, slope):
    logs, written = np.array([math.log(0.3 * ratio)]), np.array([math.log(0.3)])
    objective, by_log = ppo(logs, written, np.array([advantage]), 0.2)
    assert objective == pytest.approx(value) and by_log[0] == pytest.approx(slope)


def test_objectives_are_means_over_the_batch():
    value, slope = ppo(np.zeros(2), np.zeros(2), np.array([1.0, -3.0]), 0.2)
    assert value == pytest.approx(-1.0) and slope == pytest.approx([0.5, -1.5])
    value, slope = reinforce(np.log([0.5, 0.5]), np.array([1.0, -3.0]))
    assert value == pytest.approx(math.log(2)) and slope == pytest.approx([0.5, -1.5])


def test_the_baseline_is_a_moving_average_of_the_rewards_before():
    advantages, baseline = _advantages([1.0, 3.0, 2.0], None, 0.95)
    assert advantages == pytest.approx([0, 2, 0.9])  # averages before: 1 (itself), 1, 0.95 · 1 + 0.05 · 3
    assert baseline == pytest.approx(0.95 * 1.1 + 0.05 * 2)
    assert _advantages([2.0], baseline, 0.95)[0] == pytest.approx([2 - baseline])


def test_a_step_of_either_update_goes_towards_the_better_policy():
    form = form_of(small_space())
    for spec in (SPEC, f"{SPEC},update=reinforce"):
        controller = new_controller(parsed_settings(spec), form, 0)
        good, bad = [0, 1, 2, 0, 1, 2], [4, 0, 0, 4, 0, 0]
        rewards = [(bad, 0.5), (good, 0.9), (bad, 0.1), (good, 0.9)]
        batch = [Written(policy, math.exp(_log(controller, policy)), reward) for policy, reward in rewards]
        after = controller.learned(batch)
        gains = [_log(after, decisions) - _log(controller, decisions) for decisions in (good, bad)]
        assert gains[0] > 0 > gains[1]


def _log(controller, decisions) -> float:
    tokens = np.array([decisions])
    steps = read(controller.shape, controller.shape.views(controller.weights), tokens)
    return float(log_probabilities(steps, tokens)[0])


def test_the_order_of_writing_is_operation_probability_level():
    form = form_of(load_space("autoaugment-paper"))
    assert len(form.names) == 30 and form.sizes == (15, 11, 10) and form.kinds == (0, 1, 2) * 10
    assert form.names[:6] == tuple(
        f"autoaugment.{step}{role}_1" for step in ("first", "second") for role in ("", "_probability", "_level")
    )
    decisions = [*range(10), *range(10), *range(10)]
    assert form.decisions(form.parameters(decisions)) == decisions
    assert form.decisions({"family": "autoaugment"}) is None
    assert form.decisions({**form.parameters(decisions), "autoaugment.first_1": "hue"}) is None


STEP = '{ operation = "$what", probability = "$p", level = "$how", levels = 10 }'
UNSUITED = {
    "several families": ("default", "has 4 (randaugment-level, crop"),
    "no sub-policies": ("randaugment", "no step of family"),
    "a probability that is fixed": ("single", "has the step"),
    "one magnitude for both": (SMALL.replace(STEP, f"{STEP}, {STEP}"), "$how of family 'small' is in several places"),
    "softening": (
        SMALL.replace("sub_policies =", 'softening = { k = "$p", mode = "target" }\nsub_policies =').replace(
            STEP, STEP.replace('"$p"', "0.5")
        ),
        "has the step",
    ),
    "a parameter besides": (
        SMALL.replace("how = [1, 5, 9]", "how = [1, 5, 9]\nk = [1, 2]").replace(
            "sub_policies =", 'softening = { k = "$k", mode = "target" }\nsub_policies ='
        ),
        "has the parameter 'k' besides",
    ),
    "a choice in a step": (
        SMALL.replace(STEP, f"{{ one_of = [{STEP}, {{ operation = 'invert' }}] }}"),
        "has the step",
    ),
}


@pytest.mark.parametrize("name", UNSUITED)
def test_a_space_of_another_form_is_refused_in_a_sentence(name):
    source, reason = UNSUITED[name]
    space = parse_space("mine", source, "space") if "\n" in source else load_space(source)
    with pytest.raises(UserError) as error:
        make_strategy("autoaugment-rl", space, 0)
    message = str(error.value)
    assert message.startswith("strategy autoaugment-rl cannot search space") and reason in message
    assert "give --space autoaugment-paper" in message and "\n" not in message


def test_a_space_with_too_many_policies_for_a_probability_is_refused(monkeypatch):
    monkeypatch.setattr(space_form, "_MOST", 2000)
    with pytest.raises(UserError, match="family 'small' has more than 2000 policies"):
        form_of(small_space())  # (6 · 3 · 3)² = 2,916


def test_steps_without_parameters_stay_as_they_are():
    flip = SMALL.replace(STEP, f'{{ operation = "flip-horizontal", probability = 0.5 }}, {STEP}')
    space = parse_space("flip", flip, "space")
    arm = make_strategy(SPEC, space, 0).choose(store()).arm
    assert [step.operation for sub in arm.policy.sub_policies for step in sub.steps[:1]] == ["flip-horizontal"] * 2


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("autoaugment-rl:update=trpo", "update is ppo or reinforce, got 'trpo'"),
        ("autoaugment-rl:batch=0", "batch must lie in [1, 1000], got 0"),
        ("autoaugment-rl:batch=2.5", "batch must be a whole number, got '2.5'"),
        ("autoaugment-rl:rate=fast", "rate must be a number, got 'fast'"),
        ("autoaugment-rl:rate=nan", "rate must be a number, got 'nan'"),
        ("autoaugment-rl:rate", "rate must be a number, got ''"),
        ("autoaugment-rl:clip=1", "clip must lie in [0.001, 0.999], got 1"),
        ("autoaugment-rl:baseline=1.5", "baseline must lie in [0, 1], got 1.5"),
        ("autoaugment-rl:best=0", "best must lie in [1, 50], got 0"),
        ("autoaugment-rl:batch=5,batch=6", "batch is given twice"),
        ("autoaugment-rl:units=5", "has no parameter 'units'; it has update, batch"),
    ],
)
def test_wrong_parameters_are_refused_in_a_sentence(spec, reason):
    with pytest.raises(UserError) as error:
        must_name_a_strategy(spec)
    assert reason in str(error.value) and str(error.value).startswith("strategy autoaugment-rl")


def test_a_search_of_few_pulls_is_warned_of():
    assert strategy_caution("autoaugment-rl", 200) == "" == strategy_caution("ucb", 3)
    assert "41 pulls are too few for autoaugment-rl: its controller learns 4 times" in strategy_caution(
        "autoaugment-rl", 41
    )
    assert "learns 1 time," in strategy_caution("autoaugment-rl:batch=20", 40)


def store() -> InMemoryTrialStore:
    return InMemoryTrialStore(seed=4, fidelities=[(40, 1)], reward=ACCURACY)


def outcome(number: int) -> Outcome:
    """Of the trial with this number; every fourth fails."""
    return Outcome(error="lost") if number % 4 == 3 else Outcome({"accuracy": float(np.sin(number) / 9 + 0.5)})


def weights(strategy: AutoAugmentRl, record) -> bytes:
    return strategy.caught_up(record).weights.tobytes()


def test_the_state_follows_from_the_record_to_the_last_bit():
    """A strategy that is new at every trial, as after a kill, chooses and learns as one that lives on."""
    space = small_space()
    lasting, living = make_strategy(SPEC, space, 4), store()
    for number in range(13):
        fresh = make_strategy(SPEC, space, 4)
        choice = lasting.choose(living)
        again = fresh.choose(living)
        assert (choice.arm, choice.probability) == (again.arm, again.probability)
        assert weights(lasting, living) == weights(fresh, living)
        living.tell(living.start(choice), outcome(number))
    assert weights(lasting, living) != weights(lasting, store())


def test_the_state_is_the_same_from_a_database(tmp_path):
    space, url = small_space(), f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=url, study_name="run", direction="maximize")
    settings = {"seed": 4, "fidelities": [(40, 1)], "reward": ACCURACY}
    written, living = OptunaTrialStore(study, space, **settings), store()
    lasting = make_strategy(SPEC, space, 4)
    for number in range(7):
        for record in (written, living):
            record.tell(record.start(lasting.choose(record)), outcome(number))
    reopened = OptunaTrialStore(optuna.load_study(study_name="run", storage=url), space, **settings)
    assert [row.probability for row in reopened.rows] == [row.probability for row in living.rows]
    assert weights(make_strategy(SPEC, space, 4), reopened) == weights(lasting, living)


def test_updates_wait_for_the_trials_of_their_batch_and_take_them_in_order():
    space = small_space()
    strategy, record = make_strategy(SPEC, space, 4), store()
    trials = [record.start(strategy.choose(record)) for _ in range(6)]
    begun = weights(strategy, record)
    for number in (5, 4, 2, 1, 3):
        record.tell(trials[number], outcome(number))
        assert weights(strategy, record) == begun, "trial 0 runs still"
    record.tell(trials[0], outcome(0))

    ordered = store()
    other = make_strategy(SPEC, space, 4)
    trials = [ordered.start(other.choose(ordered)) for _ in range(6)]
    for number in range(6):
        ordered.tell(trials[number], outcome(number))
    assert weights(strategy, record) == weights(other, ordered) != begun


def test_a_pull_without_a_reward_teaches_nothing():
    space = small_space()
    strategy, record = make_strategy(SPEC, space, 4), store()
    begun = weights(strategy, record)
    for _ in range(3):
        record.tell(record.start(strategy.choose(record)), Outcome(error="lost"))
    assert weights(strategy, record) == begun


def test_an_ask_reads_new_trials_only():
    space = small_space()
    strategy, record = make_strategy(SPEC, space, 4), store()
    for number in range(12):
        record.tell(record.start(strategy.choose(record)), outcome(number))
    weights(strategy, record)
    reads: list[slice] = []

    class Counting(list):
        def __getitem__(self, key):
            reads.append(key)
            return super().__getitem__(key)

    record.rows = Counting(record.rows)
    strategy.choose(record)
    assert [(key.start, key.stop) for key in reads] == [(12, 15)]


def test_the_best_policies_become_one():
    space = small_space()
    strategy, record = make_strategy(SPEC, space, 4), store()
    for number in range(8):
        record.tell(record.start(strategy.choose(record)), outcome(number))
    ranked = [row.arm for row in record.rows]
    (arm,) = concatenated("autoaugment-rl:best=3", ranked)
    assert arm.policy.sub_policies == sum((ranked[i].policy.sub_policies for i in range(3)), ())
    assert arm.name == "autoaugment-rl-best-3" and arm.parameters == {}
    assert len(concatenated("autoaugment-rl", ranked)[0].policy.sub_policies) == 10
    assert concatenated("autoaugment-rl", ranked[:1]) == ()


def test_the_concatenated_policy_is_trained_with_the_loss_of_its_parts():
    family = """[[family]]
name = "some"
parameters = { o = ["rotate", "invert"], p = [0.5, 1.0], m = [1, 2] }
loss = { kind = "label-smoothing", alpha = 0.1 }
[family.policy]
sub_policies = [{ steps = [{ operation = "$o", probability = "$p", level = "$m" }] }]
"""
    space = parse_space("losses", f"schema = 1\n{family}", "losses")
    written = [arm for arm in space.arms(0) if arm.parameters["family"] == "some"]
    (arm,) = concatenated("autoaugment-rl", written)
    assert arm.loss is not None and arm.loss == written[0].loss
