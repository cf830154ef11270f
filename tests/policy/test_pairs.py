"""Weights of pairs as parts of policies: identity, words, presets, the space, and what is refused."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given, settings

from policysearch.core.errors import UserError
from policysearch.policy.curricula import decayed, schedule
from policysearch.policy.describe import in_words
from policysearch.policy.features import describe
from policysearch.policy.pairs import Pair
from policysearch.policy.policy import Policy
from policysearch.policy.presets import OF_PAIRS, PRESETS
from policysearch.policy.single_arm_space import as_space
from policysearch.policy.space_files import load_space, parse_space
from policysearch.policy.union import merged
from tests.support.random_policies import pair_policies

CROP = {"operation": "resized-crop", "magnitude": {"start": 0.2, "stop": 1}}


def of_steps(*steps, **more):
    return Policy.from_dict({"sub_policies": [{"steps": list(steps)}], **more})


def test_without_a_weight_the_hash_is_what_it_was_before_there_were_pairs():
    """Hashes of version 1.0 policies, written down before: a new field may not change them."""
    assert of_steps(CROP).hash == of_steps(CROP, pair={"weight": "off", "k": 3}).hash == "d647132f08a5"
    assert Policy.preset("flip-crop").hash == "9217cdc478d4"
    assert "pair" not in json.loads(of_steps(CROP).to_json())
    hashes = {of_steps(CROP, pair=pair).hash for pair in ({}, {"k": 2}, {"p_min": 0.1}, {"weight": "sa2"})}
    assert len(hashes | {of_steps(CROP).hash}) == 5


def test_json_and_a_space_of_one_arm_keep_it():
    policy = of_steps(CROP, pair={"weight": "sa2", "k": 1, "p_min": 0.25})
    assert Policy.from_dict(json.loads(policy.to_json())) == policy
    space = parse_space("one", as_space({"one": policy}), "one")
    assert policy in [arm.policy for arm in space.arms(0)]


@given(pair_policies)
@settings(max_examples=30, deadline=None)
def test_any_pair_comes_back_from_json(policy):
    again = Policy.from_dict(json.loads(policy.to_json()))
    assert again == policy and again.model_dump() == policy.model_dump()
    assert (again.pair is None) == (policy.pair is None) and ("pairs weighted" in in_words(policy)) == bool(policy.pair)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ({"p_min": 1}, "pair.p_min: input should be less than 1, got 1"),
        ({"p_min": -0.1}, "pair.p_min: input should be greater than or equal to 0"),
        ({"p_min": float("nan")}, "pair.p_min"),
        ({"k": 0}, "pair.k: input should be greater than 0, got 0"),
        ({"k": -4}, "pair.k"),
        ({"k": "4"}, "pair.k: must be a number"),
        ({"weight": "sa3"}, "pair.weight: input should be 'off', 'sa1' or 'sa2', got 'sa3'"),
        ({"pmin": 0}, "did you mean p_min"),
        ("sa1", "pair: must be a table of its fields"),
    ],
)
def test_a_wrong_weight_is_refused_by_its_field(pair, message):
    with pytest.raises(UserError, match=message):
        of_steps(CROP, pair=pair)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [{"operation": "flip-horizontal"}, {"operation": "invert"}],
        [{"operation": "resized-crop", "magnitude": 1}],
        [{"operation": "cutout", "magnitude": {"start": 0, "stop": 0}}],
        [{**CROP, "probability": 0}],
    ],
)
def test_views_that_all_show_the_whole_image_have_nothing_to_weigh(steps):
    with pytest.raises(UserError, match="sa1 has nothing to weigh"):
        of_steps(*steps, pair={})
    assert of_steps(*steps, CROP, pair={}).pair == Pair()


@pytest.mark.parametrize("other", ["softening", "mix", "mixture", "adaptive", "classes"])
def test_parts_that_need_labels_or_other_images_are_refused(other):
    content = {
        "softening": {"k": 2},
        "mix": {"operation": "mixup"},
        "mixture": {},
        "adaptive": {"rule": "entaugment"},
        "classes": {"6": {"sub_policies": [{"steps": []}]}},
    }
    with pytest.raises(UserError, match=f"leave out '{other}'"):
        of_steps(CROP, pair={}, **{other: content[other]})
    assert of_steps(CROP, pair={"weight": "off"}, **{other: content[other]}).pair is None
    if other in ("softening", "mix"):
        staged = [{"start": 0.5, "sub_policies": [{"steps": [CROP]}], other: content[other]}]
        with pytest.raises(UserError, match=f"leave out '{other}'"):
            of_steps(CROP, pair={}, stages=staged)


def test_words_and_features_say_the_equation():
    policy = of_steps(CROP, pair={"weight": "sa2", "k": 2, "p_min": 0.2})
    assert in_words(policy).splitlines()[-1] == (
        "pairs weighted by 1 - (1 - 0.2)·IoU^2: pairs that share much count less (SA#2)"
    )
    assert describe(policy)["pair sa2"] == 1 and describe(policy)["pair softening"] == pytest.approx(0.2)
    assert not any(name.startswith("pair") for name in describe(of_steps(CROP)))


def test_stages_keep_the_weight_and_parts_that_differ_in_it_cannot_be_joined():
    policy = Policy.preset("simsiam-sa1")
    assert decayed(policy, "resized-crop", start=0.5).at(0.9).pair == Pair(weight="sa1", k=4)
    with pytest.raises(UserError, match="differ in their pair"):
        schedule([(0.0, Policy.preset("simsiam")), (0.5, policy)])
    with pytest.raises(UserError, match="pair differs"):
        merged([Policy.preset("simsiam"), policy])


def test_presets_are_those_of_the_papers():
    """Chen & He 2021, appendix D; Liu et al. 2023, table 4 and section B.4."""
    steps = Policy.preset("simsiam").sub_policies[0].steps
    crop, flip, jitter, grey = steps
    assert (crop.operation, crop.magnitude.start, crop.magnitude.stop) == ("resized-crop", 0.2, 1)
    assert (flip.operation, flip.probability) == ("flip-horizontal", 0.5)
    assert {one.operation: one.magnitude.stop for one in jitter.some_of} == {
        "brightness": 0.4, "contrast": 0.4, "color": 0.4, "hue": 0.1,
    }  # fmt: skip
    assert jitter.counts == pytest.approx((0.2, 0, 0, 0, 0.8))
    assert (grey.operation, grey.probability) == ("grayscale", 0.2)
    for name in OF_PAIRS:
        preset = Policy.preset(name)
        assert preset.pair == Pair(weight=name[-3:], k=4, p_min=0) and preset.sub_policies == (
            Policy.preset("simsiam").sub_policies
        )
    assert {name for name in PRESETS if Policy.preset(name).pair} == set(OF_PAIRS)
    assert Policy.preset("simsiam-sa1:1,0.1").pair == Pair(weight="sa1", k=1, p_min=0.1)
    assert Policy.preset("color-jitter:0").hash == Policy.preset("identity").hash


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("simsiam:1", "least area of a crop"),
        ("simsiam:0", "least area of a crop"),
        ("simsiam-sa1:0", "greater than 0"),
        ("simsiam-sa2:4,1", "less than 1"),
        ("color-jitter:3", "color-jitter:STRENGTH takes"),
        ("color-jitter:-1", "color-jitter:STRENGTH takes"),
        ("simsiam-sa3", "did you mean"),
    ],
)
def test_presets_refuse_numbers_out_of_range(name, message):
    with pytest.raises(UserError, match=message):
        Policy.preset(name)


def test_the_space_has_every_weighting_once():
    """3 areas × 2 colours: 6 without a weight, 24 with one; no two alike, the paper's three policies among them."""
    arms = load_space("pairs").arms(0)
    weights = [arm.policy.pair and arm.policy.pair.weight for arm in arms if arm.parameters["family"] == "pairs"]
    assert (weights.count(None), weights.count("sa1"), weights.count("sa2")) == (5, 12, 12), "simsiam is fixed already"
    policies = [arm.policy for arm in arms]
    for name in ("simsiam", "simsiam-sa1", "simsiam-sa2", "identity"):
        assert Policy.preset(name) in policies, name


def test_a_preset_of_pairs_is_not_taken_over_as_steps():
    text = 'schema = 1\n[[family]]\nname = "a"\npolicy = {sub_policies = [{steps = [{preset = "simsiam-sa1"}]}]}'
    assert tomllib.loads(text)
    with pytest.raises(UserError, match="weighs pairs"):
        parse_space("a", text, "a")
