"""Features of policies, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.policy.curricula import schedule
from policysearch.policy.features import describe, features
from policysearch.policy.mixes import Mix, Mixture
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.presets import preset
from policysearch.policy.softening import Curve, Softening
from policysearch.policy.space_files import load_space
from policysearch.policy.steps import Normal, OneOf, SomeOf, Step, SubPolicy, Uniform


def policy(*steps, **more):
    return Policy(sub_policies=(SubPolicy(steps=steps),), **more)


def test_weights_times_probabilities():
    turn, flip = Step(operation="rotate", probability=0.5, magnitude=90.0), Step(operation="flip-horizontal")
    subs = (
        SubPolicy(steps=(turn, flip), weight=3.0),
        SubPolicy(steps=(flip,), weight=1.0),
    )
    got = describe(Policy(sub_policies=subs))
    assert got == pytest.approx({"rotate": 0.375, "rotate strength": 0.1875, "flip-horizontal": 1.0, "steps": 1.375})


def test_choices_are_unfolded():
    steps = (Step(operation="invert", probability=0.5), Step(operation="equalize"))
    assert describe(policy(OneOf(one_of=steps))) == pytest.approx({"invert": 0.25, "equalize": 0.5, "steps": 0.75})
    three = tuple(Step(operation=name, probability=0.5) for name in ("invert", "equalize", "autocontrast"))
    got = describe(policy(SomeOf(some_of=three, counts=(0.0, 0.5, 0.5))))
    assert got["steps"] == pytest.approx(0.5 * 7 / 8 + 0.5 * (3 * 1 + 4 * 2) / 8)  # S of 3 coins: 1, 3, 3, 1 eighths
    assert got["invert"] == pytest.approx(got["steps"] / 3)


def test_some_of_against_its_own_algorithm():
    """20,000 simulated images; 5 sd is .018, false alarm 2e-6 for the four."""
    chances, rng, applied = np.array([0.6, 0.6, 0.6, 0.6]), np.random.default_rng(0), np.zeros(4)
    for _ in range(20000):
        left = rng.choice(3, p=[0.2, 0.3, 0.5])
        for i in rng.permutation(4):
            if left and rng.random() < chances[i]:
                applied[i] += 1
                left -= 1
    names = ("invert", "equalize", "autocontrast", "flip-vertical")
    got = describe(policy(SomeOf(some_of=tuple(Step(operation=n, probability=0.6) for n in names))))
    assert [got[n] for n in names] == pytest.approx(applied / 20000, abs=0.018)


@pytest.mark.parametrize(
    ("operation", "magnitude", "strength"),
    [
        ("rotate", 45.0, 0.25),
        ("rotate", Uniform(start=0.0, stop=90.0), 0.25),
        ("posterize", 4.0, 0.5),  # 8 bits change nothing
        ("solarize", Uniform(start=0.0, stop=256.0, levels=2), 0.5),
        ("rotate", Normal(mean=90.0, std=0.0), 0.5),
        ("rotate", Normal(mean=0.0, std=18.0), 0.1 / np.sqrt(2 * np.pi)),  # half of it is cut off to 0
    ],
)
def test_strength_is_the_distance_from_neutral(operation, magnitude, strength):
    got = describe(policy(Step(operation=operation, magnitude=magnitude)))
    assert got[f"{operation} strength"] == pytest.approx(strength, rel=0.01)


def test_softening_mixes_mixture_and_stages():
    flip = Step(operation="flip-horizontal")
    soft = Softening(k=1.0, p_min=0.5, mode="both", operations={"rotate": Curve(k=2.0, p_min=0.0)})
    late = Stage(start=0.75, sub_policies=(SubPolicy(),))
    got = describe(
        policy(flip, softening=soft, mix=Mix(operation="mixup", probability=0.4), mixture=Mixture(), stages=(late,))
    )
    assert got == pytest.approx(
        {"flip-horizontal": 0.75, "steps": 0.75, "mix mixup": 0.3, "mixture": 2.0}
        | {"softens target": 1.0, "softens weight": 1.0, "softening": 0.25}
    )
    assert describe(policy(flip, softening=Softening(mode="off"))) == describe(policy(flip))


@pytest.mark.parametrize("name", ["default", "mixes", "soft-crop", "autoaugment"])
def test_table_is_standardised_and_without_empty_columns(name):
    arms = load_space(name).arms(0)
    table = features([arm.policy for arm in arms])
    assert table.shape[0] == len(arms) and table.shape[1] > 0 and table.dtype == np.float64
    assert table.mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert table.std(axis=0) == pytest.approx(1)


def test_alike_policies_have_alike_features_and_order_does_not_matter():
    turns = [policy(Step(operation="rotate", magnitude=m)) for m in (10.0, 11.0, 60.0)]
    table = features([*turns, policy(Step(operation="invert"))])
    apart = np.linalg.norm(table[0] - table, axis=1)
    assert apart[1] < apart[2] < apart[3]
    assert features([*turns[::-1]]) == pytest.approx(features(turns)[::-1])
    assert features([turns[0]] * 3).shape == (3, 0) and features([preset("identity")]).shape == (1, 0)


def test_softening_of_stages_counts_by_their_share():
    whole = schedule([(0.0, preset("flip-crop")), (0.75, preset("soft-crop"))])
    assert describe(whole)["softens weight"] == pytest.approx(0.25)
    assert describe(whole)["softening"] == pytest.approx(0.25 / 4)
