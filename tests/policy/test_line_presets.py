"""The fixed policies and the space of lines of text."""

from __future__ import annotations

import pytest
import torch

from policysearch.augmentation import draw
from policysearch.augmentation.lines import must_suit_lines
from policysearch.core.errors import UserError
from policysearch.core.tasks import TASKS, TEXT_LINES
from policysearch.policy.line_presets import randaugment_lines, tia
from policysearch.policy.mixes import LINE_MIXES, Mix
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space
from policysearch.policy.steps import choices
from tests.support.exports import FALSE_ALARM, pvalue

SPACE = load_space("text-lines", TASKS[TEXT_LINES].fixed)


def test_tia_draws_each_bend_as_often_and_magnitudes_evenly():
    drawn = draw(tia(), 3000, torch.Generator().manual_seed(0))
    names = [drawn.names[index] for index in drawn.operations[:, 0].tolist()]
    bends = ("line-distort", "line-stretch", "line-perspective")
    assert pvalue(names, dict.fromkeys(bends, 1 / 3)) > FALSE_ALARM
    tenths = (drawn.magnitudes[:, 0] / 0.03).long().tolist()
    assert pvalue(tenths, dict.fromkeys(range(10), 0.1)) > FALSE_ALARM
    assert pvalue(["line-distort"] * 1500 + names[1500:], dict.fromkeys(bends, 1 / 3)) < FALSE_ALARM


def test_randaugment_for_lines_has_its_level():
    """Level 15 of 30: half of what a table of top magnitudes says; posterize from 8 to 4 bits."""
    policy = Policy.preset("randaugment-lines:1,15")
    magnitudes = {step.operation: step.magnitude for step in choices(policy.sub_policies[0].steps[0])}
    assert len(magnitudes) == 16 and magnitudes["identity"] is None and magnitudes["autocontrast"] is None
    assert magnitudes["posterize"] == 6 and magnitudes["rotate"] == 5 and magnitudes["line-distort"] == 0.15
    still = [step for step in choices(randaugment_lines(1, 0).sub_policies[0].steps[0]) if step.magnitude is not None]
    assert all(step.magnitude == OPERATIONS[step.operation].neutral for step in still)
    assert len(Policy.preset("randaugment-lines").sub_policies[0].steps) == 2
    assert randaugment_lines() == Policy.preset("randaugment-lines:2,9")


def test_every_arm_of_the_space_suits_lines_and_mirrors_nothing():
    arms = SPACE.arms(0)
    assert len(arms) == 25 and [arm.name for arm in arms[:3]] == ["identity", "tia", "randaugment-lines"]
    for arm in arms:
        must_suit_lines(arm.policy)
        steps = [choice for sub in arm.policy.sub_policies for step in sub.steps for choice in choices(step)]
        assert not any("flip" in step.operation or step.operation.startswith("translate-x") for step in steps)
    assert {arm.policy.mix.operation for arm in arms if arm.policy.mix} == set(LINE_MIXES)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tia:0", "above 0 and at most 0.5"),
        ("tia:0.6", "above 0 and at most 0.5"),
        ("tia:a", "arguments are numbers"),
        ("randaugment-lines:0,9", "whole N in 1..10"),
        ("randaugment-lines:2,31", "M in 0..30"),
        ("tias", "did you mean tia"),
    ],
)
def test_bad_presets_are_refused(name, message):
    with pytest.raises(UserError, match=message):
        Policy.preset(name)


def test_mixes_of_lines_are_values_like_the_others():
    policy = Policy.from_dict({"sub_policies": [{}], "mix": {"operation": "line-join", "probability": 0.5}})
    assert Policy.from_dict(policy.model_dump(mode="json", by_alias=True)) == policy
    assert policy.hash != policy.model_copy(update={"mix": Mix(operation="glyph-paste", probability=0.5)}).hash
    for wrong, message in (
        ({"operation": "line-joint"}, "did you mean line-join"),
        ({"operation": "line-join", "alpha": 1}, "alpha of line-join: it takes none"),
    ):
        with pytest.raises(UserError, match=message):
            Policy.from_dict({"sub_policies": [{}], "mix": wrong})
