"""Several policies as one: the weighted set of all their sub-policies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from policysearch.core.errors import UserError
from policysearch.core.value import Frozen
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm, Space
from policysearch.policy.steps import SubPolicy

_OF_THE_WHOLE = ("softening", "mix", "mixture", "adaptive", "pair")
"""Parts that a policy has once, whatever sub-policy an image draws."""
_LARGEST_WEIGHT = 10**9


def merged(policies: Sequence[Policy], name: str = "") -> Policy:
    """One policy whose images draw one of these policies evenly, and then one of its sub-policies by its weights.

    Sub-policies that are equal are joined, their weights added. The smallest weight is 1.

    Args:
        policies: at least one.
        name: of the result.

    Raises:
        UserError: they have stages or classes, or differ in their softening, mix, mixture, adaptive rule or pair.

    Example:
        >>> flip = Policy(sub_policies=[{"steps": [{"operation": "flip-horizontal"}]}])
        >>> either = Policy(sub_policies=[*flip.sub_policies, SubPolicy()])
        >>> [sub.weight for sub in merged([flip, either]).sub_policies]
        [3.0, 1.0]
    """
    for policy in policies:
        reason = _why_not(policy, policies[0])
        if reason:
            raise UserError(f"policies cannot be merged into one: {reason}")

    weights: dict[SubPolicy, Fraction] = {}
    for policy in policies:
        total = sum(Fraction(sub.weight) for sub in policy.sub_policies)
        for sub in policy.sub_policies:
            key = sub.model_copy(update={"weight": 1.0})
            weights[key] = weights.get(key, Fraction(0)) + Fraction(sub.weight) / total

    least = min(weights.values())
    subs = (
        sub.model_copy(update={"weight": min(float(weight / least), _LARGEST_WEIGHT)})
        for sub, weight in weights.items()
    )
    return policies[0].model_copy(update={"name": name, "sub_policies": tuple(subs), "about": {}})


def must_merge(space: Space, what: str) -> None:
    """Check that any policies of a space's families can be merged, and that they are trained with the same loss.

    Args:
        space: whose fixed policies do not count.
        what: begins the message.

    Raises:
        UserError: the space has fixed policies alone, or its policies cannot be merged.
    """
    if not space.families:
        raise UserError(f"{what}, and space {space.name!r} has fixed policies alone: give a space with families")
    reason = _obstacle(space.specimens())
    if reason:
        raise UserError(
            f"{what}, and those of space {space.name!r} cannot be: {reason}; give --space autoaugment, or a space "
            "whose policies differ in their sub-policies alone"
        )


def _obstacle(arms: Iterable[Arm]) -> str:
    """Why some of these arms cannot be merged, as a clause; empty where all can."""
    first: Arm | None = None
    for arm in arms:
        first = first or arm
        reason = _why_not(arm.policy, first.policy)
        if not reason and arm.loss != first.loss:
            reason = f"losses differ ({_loss(first.loss)} and {_loss(arm.loss)})"
        if reason:
            return reason
    return ""


def _why_not(policy: Policy, first: Policy) -> str:
    """Why a policy cannot be merged with the first, as a clause; empty where it can."""
    if policy.stages or policy.classes:
        return f"{policy.name or 'one'} has {'stages' if policy.stages else 'classes that differ'}"
    for part in _OF_THE_WHOLE:
        values = (getattr(first, part), getattr(policy, part))
        if values[0] != values[1]:
            return f"{part} differs ({' and '.join(_short(value) for value in values)})"
    return ""


def _short(value: object) -> str:
    fields = value.model_dump(exclude_none=True) if isinstance(value, Frozen) else {}
    plain = (f"{name} {field}" for name, field in fields.items() if isinstance(field, str | float | int))
    return ", ".join(plain) or "none"


def _loss(loss: Loss | None) -> str:
    return loss.label if loss else "none"
