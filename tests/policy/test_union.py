"""Policies merged into one: each is drawn as often as any other, and equal sub-policies are one."""

from __future__ import annotations

import pytest

from policysearch.core.errors import UserError
from policysearch.policy.policy import Policy
from policysearch.policy.space_files import load_space, parse_space
from policysearch.policy.union import merged, must_merge

FLIP, TURN, NONE = {"operation": "flip-horizontal"}, {"operation": "flip-vertical"}, None


def policy(*subs, **parts) -> Policy:
    content = [{"steps": [step] if step else [], "weight": weight} for step, weight in subs]
    return Policy(sub_policies=content, **parts)


def shares(result: Policy) -> dict[str, float]:
    total = sum(sub.weight for sub in result.sub_policies)
    return {sub.steps[0].operation if sub.steps else "none": sub.weight / total for sub in result.sub_policies}


def test_each_policy_has_the_same_share_however_it_is_weighted():
    heavy, light = policy((FLIP, 30.0), (NONE, 10.0)), policy((TURN, 0.5))
    assert shares(merged([heavy, light])) == {"flip-horizontal": 0.375, "none": 0.125, "flip-vertical": 0.5}


def test_equal_sub_policies_are_joined_and_the_smallest_weight_is_1():
    result = merged([policy((FLIP, 1.0), (TURN, 1.0)), policy((FLIP, 7.0)), policy((FLIP, 1.0))], "joined")
    assert [sub.weight for sub in result.sub_policies] == [5.0, 1.0]
    assert result.name == "joined"
    assert Policy.from_dict(result.model_dump(mode="json", by_alias=True)) == result


def test_policies_of_equal_weights_give_whole_ones():
    thirds = [policy((FLIP, 1.0), (TURN, 1.0), (NONE, 1.0))] * 7
    assert [sub.weight for sub in merged(thirds).sub_policies] == [1.0, 1.0, 1.0]


def test_what_a_policy_has_once_must_be_the_same():
    soft = {"softening": {"k": 3.0}}
    assert merged([policy((FLIP, 1.0), **soft), policy((TURN, 1.0), **soft)]).softening.k == 3.0
    with pytest.raises(UserError, match=r"softening differs \(k 3.0, mode target.* and none\)"):
        merged([policy((FLIP, 1.0), **soft), policy((TURN, 1.0))])
    staged = policy((FLIP, 1.0), stages=[{"start": 0.5, "sub_policies": [{"steps": [TURN]}]}])
    with pytest.raises(UserError, match="has stages"):
        merged([staged])


@pytest.mark.parametrize(
    ("space", "reason"),
    [("default", "softening differs"), ("losses", "losses differ"), ("mixes", "mix differs"), ("joint", "softening")],
)
def test_spaces_that_cannot_be_merged(space, reason):
    with pytest.raises(UserError, match=f"density merges.*space '{space}' cannot be: {reason}.*--space autoaugment"):
        must_merge(load_space(space), "strategy density merges policies into one")


def test_spaces_that_can_be_merged():
    for name in ("autoaugment", "single", "joint-hard"):
        must_merge(load_space(name), "merging")
    with pytest.raises(UserError, match="fixed policies alone"):
        must_merge(parse_space("bare", "schema = 1\n", "space"), "merging")


def test_policies_of_different_adaptive_rules_are_not_merged():
    drawn, adapted = Policy.preset("trivialaugment"), Policy.preset("entaugment")
    with pytest.raises(UserError, match=r"adaptive differs \(none and rule entaugment\)"):
        merged([drawn, adapted])
    text = 'schema = 1\n[[family]]\nname = "some"\npreset = "$name"\nparameters.name = ["entaugment", "adaaugment"]\n'
    with pytest.raises(UserError, match=r"adaptive differs \(rule entaugment and rule adaaugment\)"):
        must_merge(parse_space("x", text, "x"), "density merges")
