"""Policies that differ by class, as values: names and indices of classes, and what is refused."""

from __future__ import annotations

import json

import pytest

from policysearch.core.errors import UserError
from policysearch.policy.adaptive import Adaptive
from policysearch.policy.class_names import for_classes, named_for
from policysearch.policy.class_parts import ClassPart, class_index
from policysearch.policy.classes import class_policies, common, policy_of, with_classes
from policysearch.policy.curricula import curriculum, schedule
from policysearch.policy.describe import in_words
from policysearch.policy.features import describe
from policysearch.policy.mixes import Mix
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.softening import Softening
from policysearch.policy.space_files import parse_space
from policysearch.policy.union import merged

FLIP, CROP, IDENTITY = Policy.preset("flip-crop"), Policy.preset("soft-crop"), Policy.preset("identity")
NAMES = ("cat", "dog", "ship")
BOTH = with_classes(FLIP, {"dog": CROP, 2: IDENTITY}, name="both")


def test_a_policy_without_classes_keeps_its_hash():
    assert FLIP.hash == "9217cdc478d4"
    assert "classes" not in json.loads(FLIP.to_json()) and "spread" not in json.loads(CROP.to_json())["softening"]
    assert common(FLIP) is FLIP and for_classes(FLIP, NAMES) is FLIP and class_policies(FLIP) == {}


def test_json_keeps_classes():
    again = Policy.from_dict(json.loads(BOTH.to_json()))
    assert again == BOTH and again.hash not in (FLIP.hash, CROP.hash)
    assert again.classes["2"] == ClassPart(sub_policies=IDENTITY.sub_policies)


def test_a_class_is_called_by_its_name_and_else_by_its_index():
    assert [class_index(key, ["1", "0", "x"]) for key in ("1", "0", "2", "x")] == [0, 1, 2, 2]
    by_index = BOTH.for_classes(NAMES)
    assert list(by_index.classes) == ["1", "2"]
    assert list(named_for(by_index, NAMES).classes) == ["dog", "ship"]
    assert class_policies(by_index) == {1: CROP, 2: IDENTITY}
    assert common(by_index) == FLIP


def test_names_are_resolved_in_stages_and_in_confusion():
    counted = Softening(spread="confusion", confusion={"cat": {"dog": 3, "2": 1}})
    stage = Stage(
        start=0.5, sub_policies=FLIP.sub_policies, softening=counted, classes={"ship": {"softening": counted}}
    )
    by_index = FLIP.model_copy(update={"stages": (stage,)}).for_classes(NAMES)
    (later,) = by_index.stages
    assert later.softening.confusion == {"0": {"1": 3, "2": 1}}
    assert later.classes["2"].softening == later.softening


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"dgo": CROP}, "unknown class 'dgo': did you mean dog?"),
        ({3: CROP}, "class '3': the data have classes 0..2, and none of that name"),
        ({"dog": CROP, 1: FLIP}, "classes 'dog' and '1' are the same class"),
    ],
)
def test_classes_that_the_data_lack_are_refused(classes, message):
    with pytest.raises(UserError, match="^" + message.replace("?", r"\?")):
        with_classes(FLIP, classes).for_classes(NAMES)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"classes": {"dog": {}}}, "classes.dog: a class has sub_policies or softening of its own, or it is left out"),
        ({"classes": {"dog": 3}}, "classes.dog: must be a table of its fields, got 3"),
        ({"classes": ["dog"]}, "classes: must be a table, got"),
        ({"classes": {"dog": {"mix": {"operation": "mixup"}}}}, "unknown key 'classes.dog.mix'"),
        ({"classes": {"dog": {"softening": {"normalise": True}}}}, "classes.dog: normalise divides all weights"),
        ({"softening": {"confusion": [[0, 1], [1, 0]]}}, 'confusion is for spread = "confusion"'),
        ({"softening": {"spread": "confusion", "mode": "weight"}}, 'mode "weight" leaves them hard'),
        (
            {"softening": {"spread": "confusion", "confusion": [[0, 1], [1]]}},
            "a matrix of 2 rows has 2 numbers in each",
        ),
        ({"softening": {"spread": "confusion", "confusion": {"0": {"1": -2}}}}, "greater than 0, got -2"),
        ({"softening": {"spread": "odd"}}, "'even' or 'confusion', got 'odd'"),
    ],
)
def test_wrong_parts_are_refused_by_field(part, message):
    with pytest.raises(UserError) as raised:
        Policy.from_dict({"sub_policies": [{}], **part})
    assert message in str(raised.value)


def test_matrices_of_the_same_mistakes_are_equal():
    rows = Softening(spread="confusion", confusion=[[9, 2, 0], [0, 5, 0], [1, 0, 0]])
    assert rows == Softening(spread="confusion", confusion={"0": {"1": 2}, 2: {0: 1, 2: 7}})
    assert json.loads(rows.model_dump_json())["confusion"] == {"0": {"1": 2}, "2": {"0": 1}}


def test_the_policies_of_classes_share_what_is_done_to_a_batch():
    mixed = FLIP.model_copy(update={"mix": Mix(operation="mixup")})
    assert with_classes(mixed, {0: mixed, 1: CROP}).mix == mixed.mix
    for other, what in (
        (mixed, "another mix"),
        (curriculum(FLIP, 2), "stages of its own"),
        (BOTH, "classes of its own"),
    ):
        with pytest.raises(UserError, match=what):
            with_classes(FLIP, {0: other})


def test_a_class_may_be_softened_otherwise_alone():
    soft = with_classes(CROP, {0: IDENTITY})
    assert soft.classes["0"].softening.mode == "off"
    assert class_policies(soft)[0].softening is None
    alone = Policy.from_dict({"sub_policies": [{}], "classes": {"0": {"softening": {"k": 1, "mode": "target"}}}})
    assert class_policies(alone)[0].softening.k == 1 and alone.softening is None


def test_a_stage_keeps_the_classes_of_its_policy_unless_it_has_others():
    def staged(classes):
        stage = Stage(start=0.5, sub_policies=CROP.sub_policies, classes=classes)
        return with_classes(FLIP, {0: IDENTITY}).model_copy(update={"stages": (stage,)})

    assert list(staged(None).at(0.7).classes) == ["0"]
    assert staged({}).at(0.7).classes == {}
    assert policy_of(staged(None), "0").at(0.7).sub_policies == IDENTITY.sub_policies
    assert policy_of(staged({}), "0").at(0.7).sub_policies == CROP.sub_policies
    assert policy_of(staged(None), "1") == common(staged(None))
    in_turn = schedule([(0.0, BOTH), (0.5, FLIP)])
    assert in_turn.at(0.1) == BOTH and in_turn.at(0.9) == FLIP


def test_adaptive_magnitudes_may_be_those_of_a_class_alone():
    turned = {"sub_policies": [{"steps": [{"operation": "rotate", "magnitude": {"start": 0, "stop": 30}}]}]}
    policy = Policy.from_dict({"sub_policies": [{}], "adaptive": {"rule": "entaugment"}, "classes": {"3": turned}})
    assert policy.adaptive == Adaptive(rule="entaugment")


def test_what_cannot_hold_classes_says_so():
    with pytest.raises(UserError, match="classes that differ"):
        merged([FLIP, BOTH])
    with pytest.raises(UserError, match="differs by class"):
        curriculum(BOTH)


def test_words_and_features_name_the_classes():
    words = in_words(BOTH)
    assert "class dog: every image: flip-horizontal with probability 0.5, then soft-crop" in words
    assert "class 2: every image: left as it is" in words
    assert describe(BOTH)["class dog: soft-crop"] == 1 and describe(BOTH)["pad-and-crop"] == 1
    assert {name: value for name, value in describe(BOTH).items() if not name.startswith("class")} == describe(FLIP)


def test_a_space_may_search_what_one_class_does():
    text = """
schema = 1
[[family]]
name = "turns-but-six"
parameters.level = [3, 9]
parameters.spread = ["even", "confusion"]
[family.policy]
sub_policies = [{ steps = [{ operation = "rotate", level = "$level" }] }]
softening = { k = 2, spread = "$spread" }
[family.policy.classes.6]
sub_policies = [{ steps = [{ operation = "rotate", level = 1 }] }]
"""
    arms = parse_space("mine", text, "space file").arms(0)
    assert len({arm.key for arm in arms}) == 4 + 4
    assert arms[-1].policy.classes["6"].sub_policies[0].steps[0].magnitude == 1.0


def test_a_policy_of_pairs_takes_no_classes():
    with pytest.raises(UserError, match="leave out 'classes'"):
        with_classes(Policy.preset("simsiam-sa1"), {"cat": Policy.preset("simsiam")})
