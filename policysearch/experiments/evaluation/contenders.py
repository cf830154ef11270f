"""The policies that are trained side by side: the evaluated one, and the fixed ones by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policysearch.policy.losses import parse_loss
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm


@dataclass(frozen=True)
class Contender:
    """One of the policies: its name, different from all others', and whether it is a fixed one."""

    name: str
    arm: Arm
    fixed: bool


def arm_of(policy: Policy) -> Arm:
    """The arm that a policy file stands for: with the loss it was found with, told in `about`.

    Raises:
        UserError: the loss is no valid one.
    """
    loss = parse_loss(policy.about.get("loss"), "the policy's about: loss")
    name = policy.name or f"policy {policy.hash[:6]}"
    name = name.removesuffix(f" + {loss.label}") if loss else name
    return Arm({}, policy.model_copy(update={"name": name}), loss)


def fixed_arms(names: Sequence[str]) -> list[Arm]:
    """Raises:
    UserError: no preset has one of the names.
    """
    return [Arm({}, preset(name).model_copy(update={"name": name})) for name in names]


def contenders(searched: Arm, fixed: Sequence[Arm], also: Sequence[Arm] = ()) -> tuple[Contender, ...]:
    """The evaluated policy first; none stands twice, and a fixed policy that is evaluated stays a fixed one.

    Args:
        searched: the evaluated policy.
        fixed: policies whose names differ from each other's.
        also: further ones; those among them, and the evaluated one, whose name another has get a part of their hash.
    """
    free = {arm.key for arm in fixed}
    given = [searched, *fixed, *also]
    arms = [arm for i, arm in enumerate(given) if arm.key not in {other.key for other in given[:i]}]
    names = [arm.name for arm in arms if arm.key in free] + [arm.name for arm in arms if arm.key not in free]
    return tuple(Contender(_distinct(arm, names, arm.key in free), arm, arm.key in free) for arm in arms)


def _distinct(arm: Arm, names: Sequence[str], fixed: bool) -> str:
    return f"{arm.name} {arm.key[:6]}" if names.count(arm.name) > 1 and not fixed else arm.name
