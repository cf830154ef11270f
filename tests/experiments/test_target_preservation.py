"""Which steps keep the numbers of an image: read from space files and policies, and held to."""

from __future__ import annotations

import pytest

from policysearch.core.errors import UserError
from policysearch.experiments.task_checks import policy_must_suit_task, space_must_suit_task
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space, parse_space
from policysearch.policy.spaces import Space
from policysearch.policy.target_preservation import kept_by, steps_of

SPACE = """
schema = 1
{keeps}
[[family]]
name = "light"
parameters = {{ by = ["brightness", "contrast"] }}
[family.policy]
mix = {{ operation = "mixup", probability = 0.5 }}
sub_policies = [{{ steps = [{{ operation = "$by", level = 9 }}] }}]
"""


def _space(keeps: str) -> Space:
    return parse_space("mine", SPACE.format(keeps=keeps), "the space", ("identity",))


def _policy(**about: object) -> Policy:
    early, late = ({"steps": [{"operation": name, "magnitude": 0.2}]} for name in ("brightness", "shear-x"))
    stage = {"start": 0.5, "sub_policies": [late], "mix": {"operation": "cutmix"}}
    return Policy.from_dict({"name": "mine", "sub_policies": [early], "stages": [stage], "about": about})


def test_steps_are_those_of_all_stages_and_mixes() -> None:
    assert steps_of(_policy()) == ("brightness", "shear-x", "cutmix")
    assert steps_of(Policy.preset("identity")) == ()


def test_a_space_whose_steps_all_keep_numbers_is_taken() -> None:
    space_must_suit_task("regression", _space('keeps = ["brightness", "contrast", "mixup"]'))
    space_must_suit_task("regression", load_space("colours", ("identity",)))


@pytest.mark.parametrize(
    ("keeps", "sentence"),
    [
        ("", r"space mine: policy light\(.*\) has brightness, and nothing says .*or give --space colours"),
        (
            'keeps = ["contrast", "mixup"]',
            r"has brightness, which is not among the steps .* \(keeps = contrast, mixup\)",
        ),
        ('keeps = ["brightness", "contrast"]', "has mixup, which is not among the steps"),
        ("keeps = []", r"has brightness, which is not .* \(keeps = none\)"),
    ],
)
def test_a_space_with_another_step_is_refused_with_the_arm_and_the_step(keeps: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        space_must_suit_task("regression", _space(keeps))


def test_what_keeps_numbers_is_no_matter_in_other_tasks() -> None:
    space_must_suit_task("classification", _space('keeps = ["contrast"]'))


@pytest.mark.parametrize(
    "keeps", ['keeps = ["brightnes"]', 'keeps = ["line-join"]', 'keeps = "brightness"', "keeps = [1]"]
)
def test_names_that_are_no_steps_are_refused_when_the_file_is_read(keeps: str) -> None:
    with pytest.raises(UserError, match=r"the space: .*(operation or mix in keeps|keeps)"):
        _space(keeps)


def test_a_policy_says_itself_what_keeps_numbers_unless_its_space_does() -> None:
    keeps = ["brightness", "shear-x", "cutmix"]
    policy_must_suit_task("regression", _policy(keeps=keeps))
    policy_must_suit_task("regression", _policy(), keeps)
    with pytest.raises(UserError, match="policy mine has shear-x, which is not among"):
        policy_must_suit_task("regression", _policy(keeps=["brightness", "cutmix"]))
    with pytest.raises(UserError, match="policy mine has brightness, and nothing says"):
        policy_must_suit_task("regression", _policy())
    assert _policy(keeps=keeps).hash == _policy().hash


@pytest.mark.parametrize("keeps", ["brightness", {"brightness": 1}, [1], ["brightnes"]])
def test_a_policy_that_says_no_list_of_steps_is_refused(keeps: object) -> None:
    with pytest.raises(UserError, match="keeps"):
        kept_by(_policy(keeps=keeps))
