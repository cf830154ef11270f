"""The controller of Adversarial AutoAugment: its gradient, what it learns, and what it cannot use."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.policy.space_files import load_space, parse_space
from policysearch.study.adversarial import Adversarial, Controller, Result, parse_adversarial, proposed

SPACE = parse_space(
    "turns",
    """
schema = 1
[[family]]
name = "turn"
parameters = { degrees = [1.0, 10.0, 30.0], chance = [0.5, 1.0] }
[family.policy]
sub_policies = [{ steps = [{ operation = "rotate", probability = "$chance", magnitude = "$degrees" }] }]
[[family]]
name = "hide"
parameters = { side = [0.1, 0.5] }
[family.policy]
sub_policies = [{ steps = [{ operation = "cutout", magnitude = "$side" }] }]
[[family]]
name = "softened"
parameters = { sigma = [0.1, 0.2] }
[family.policy]
softening = { k = 2 }
sub_policies = [{ steps = [{ operation = "soft-crop", magnitude = "$sigma" }] }]
""",
    "space",
)


def hardness(parameters) -> float:
    """The planted loss: strong turns are hard, and turns are harder than holes."""
    return 2.0 + parameters.get("turn.degrees", 0.0) / 30 if parameters["family"] == "turn" else 1.0


def trained(rate: float, stretches: int, seed: int = 0, reward=hardness) -> Controller:
    controller, rng = Controller(Adversarial(8, rate), SPACE), np.random.default_rng(seed)
    for _ in range(stretches):
        arms = [controller.draw(rng) for _ in range(8)]
        noise = 0.1 * rng.standard_normal(8)
        controller.learn([Result(a.parameters, reward(a.parameters) + n) for a, n in zip(arms, noise, strict=True)])
    return controller


def test_it_finds_the_planted_hard_policies_and_follows_when_they_change():
    """40 stretches; from equal chances 1/2 and 1/3. With another seed of 20 the chance was never below 0.8."""
    chances = trained(1.0, 40).chances()
    assert chances["family"]["turn"] > 0.8 and chances["turn.degrees"][30.0] > 0.6
    easy = trained(1.0, 40, reward=lambda parameters: -hardness(parameters)).chances()
    assert easy["family"]["hide"] > 0.8, "and the planted bug of the other sign finds the opposite"


def test_the_step_is_the_gradient_of_the_log_probability():
    """Against central differences of sum_m advantage_m · log p(policy_m) / M."""
    controller = trained(0.7, 5)
    rng = np.random.default_rng(1)
    arms = [controller.draw(rng) for _ in range(3)]
    rewards = np.array([1.0, 4.0, 2.0])
    advantages = (rewards - rewards.mean()) / rewards.std()
    before = {name: logits.copy() for name, logits in controller.logits.items()}

    def objective() -> float:
        chances = controller.chances()
        logs = [sum(np.log(chances[name][value]) for name, value in arm.parameters.items()) for arm in arms]
        return float(advantages @ logs) / 3

    slopes = {}
    for name, logits in controller.logits.items():
        slopes[name] = np.zeros_like(logits)
        for place in range(len(logits)):
            values = []
            for step in (1e-5, -1e-5):
                logits[place] += step
                values.append(objective())
                logits[place] -= step
            slopes[name][place] = (values[0] - values[1]) / 2e-5
    controller.learn([Result(arm.parameters, float(r)) for arm, r in zip(arms, rewards, strict=True)])
    for name, logits in controller.logits.items():
        assert logits - before[name] == pytest.approx(0.7 * slopes[name], abs=1e-7)


def test_rewards_that_are_equal_or_missing_teach_nothing():
    controller = Controller(Adversarial(), SPACE)
    arm = controller.draw(np.random.default_rng(0))
    for rewards in ([1.0, 1.0], [1.0, None], [None, None]):
        controller.learn([Result(arm.parameters, reward) for reward in rewards])
    assert all(not logits.any() for logits in controller.logits.values())


def test_what_is_proposed_follows_from_the_record_alone():
    settings = Adversarial(policies=3)
    first = proposed(settings, SPACE, [], seed=5)
    record = [[Result(arm.parameters, float(i)) for i, arm in enumerate(first)]]
    again = [[arm.key for arm in proposed(settings, SPACE, record, seed=5)] for _ in range(2)]
    assert again[0] == again[1] and len(again[0]) == 3
    assert [arm.key for arm in proposed(settings, SPACE, record, seed=6)] != again[0]


def test_softened_families_and_fixed_policies_are_left_out():
    assert set(Controller(Adversarial(), SPACE).chances()["family"]) == {"turn", "hide"}
    assert set(Controller(Adversarial(), load_space("autoaugment")).chances()["family"]) == {"autoaugment"}


@pytest.mark.parametrize("name", ["augmix", "entaugment", "soft-crop"])
def test_a_family_with_any_policy_that_cannot_share_a_batch_is_left_out(name):
    text = f"""
schema = 1
[[family]]
name = "levels"
preset = "randaugment:$n,9"
parameters.n = [1, 2]
[[family]]
name = "some"
preset = "$name"
parameters.name = ["randaugment", "{name}"]
"""
    assert set(Controller(Adversarial(), parse_space("x", text, "x")).chances()["family"]) == {"levels"}


def test_a_space_without_parameters_is_refused():
    with pytest.raises(UserError, match=r"learns the parameters of families .* 'soft-crop' has none: give another"):
        Controller(Adversarial(), load_space("soft-crop"))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("adversarial:policies=1", "from 2 to 64, got 1"),
        ("adversarial:policies=2.5", "policies must be a whole number, got '2.5'"),
        ("adversarial:policies=nan", "policies must be a whole number, got 'nan'"),
        ("adversarial:rate=0", "rate must be above 0"),
        ("adversarial:rats=1", "no parameter 'rats'; it has policies, rate"),
        ("adversarial:rate=fast", "must be a number, got 'fast'"),
    ],
)
def test_bad_parameters_are_refused(spec, words):
    with pytest.raises(UserError, match=words):
        parse_adversarial(spec)
