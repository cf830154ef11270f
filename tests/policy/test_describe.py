"""A policy in words, letter by letter."""

from __future__ import annotations

import pytest

from policysearch.policy.describe import in_words, mix_in_words, operation_in_words
from policysearch.policy.mixes import MIXES, Mix
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Softening
from policysearch.policy.steps import Normal, Step, SubPolicy, Uniform


def policy(*steps: Step, **settings: object) -> Policy:
    return Policy(name="p", sub_policies=(SubPolicy(steps=steps),), **settings)


ROTATED = Step(operation="rotate", magnitude=10)
SELDOM = Step(operation="flip-horizontal", probability=0.25)


def test_steps():
    assert in_words(policy()) == "every image: left as it is"
    assert in_words(policy(SELDOM, ROTATED)) == "every image: flip-horizontal with probability 0.25, then rotate ±10"
    assert in_words(policy(ROTATED, ROTATED)) == "every image: 2 times rotate ±10"
    drawn = policy(Step(operation="rotate", magnitude=Uniform(start=5, stop=15)))
    assert in_words(drawn) == "every image: rotate ±5..15"
    normal = policy(Step(operation="rotate", magnitude=Normal(mean=5, std=2)))
    assert in_words(normal) == "every image: rotate ±N(5, 2²)"
    two = Policy(name="p", sub_policies=(SubPolicy(steps=(), weight=3.0), SubPolicy(steps=(ROTATED,), weight=1.0)))
    assert in_words(two) == "75% of images: left as it is\n25% of images: rotate ±10"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"k": 2, "mode": "both"}, "targets and loss weights softened by visibility v: C"),
        ({"k": 2, "mode": "weight"}, "loss weights softened by visibility v: C"),
        ({"k": 2, "mode": "target"}, "targets softened by visibility v: C"),
        (
            {"k": 2, "mode": "weight", "normalise": True},
            "loss weights softened by visibility v (weights normalised to mean 1): C",
        ),
    ],
)
def test_softening(settings, words):
    text = in_words(policy(ROTATED, softening=Softening(**settings)))
    assert text.split("\n")[1] == words.replace("C", "confidence 1 - (1 - 1/classes)·(1 - v)^2")


def test_a_curve_of_an_operation_and_one_that_is_off():
    softening = Softening(mode="both", p_min=1, operations={"rotate": {"k": 3, "p_min": 0.25}})
    text = in_words(policy(ROTATED, softening=softening)).split("\n")[1]
    expected = "targets and loss weights softened by visibility v: for rotate: confidence 1 - (1 - 0.25)·(1 - v)^3"
    assert text == expected


def test_a_mix():
    mixed = in_words(policy(mix=Mix(operation="mixup", alpha=0.2, probability=0.5)))
    assert mixed.split("\n")[1] == "then the batch mixed by mixup (alpha 0.2) with probability 0.5"
    assert mix_in_words(MIXES["mixup"]).endswith("unless given")
    assert mix_in_words(MIXES["snapmix"]).endswith(", needs activation maps")


def test_an_operation():
    rotate = OPERATIONS["rotate"]
    assert operation_in_words(rotate).startswith(f"{rotate.unit}, ±{rotate.low:g}..{rotate.high:g}, levels ")
    assert operation_in_words(rotate).endswith("; visibility counted")
    assert operation_in_words(OPERATIONS["autocontrast"]).startswith("no magnitude; ")


def test_of_hundreds_of_sub_policies_the_first_are_named_and_the_others_counted():
    turns = [
        SubPolicy(steps=(Step(operation="rotate", magnitude=k / 10),), weight=2.0 if k else 1.0) for k in range(200)
    ]
    lines = in_words(Policy(sub_policies=tuple(turns))).split("\n")
    assert len(lines) == 41 and lines[0].startswith("0.3% of images: rotate")
    assert lines[1].startswith("0.5% of images: rotate ±0.1")
    assert lines[40] == "80% of images: 160 further sub-policies"
