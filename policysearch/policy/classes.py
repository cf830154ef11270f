"""Policies that differ by class: built from several, and taken apart into one per class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel

from policysearch.core.errors import UserError
from policysearch.policy.class_parts import ClassPart, by_class_index
from policysearch.policy.pairs import check_pair
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.softening import Confusion, Softening
from policysearch.policy.steps import SubPolicies, SubPolicy

_Model = TypeVar("_Model", bound=BaseModel)
_SHARED = ("mix", "mixture", "adaptive", "pair")
"""Parts that the classes of a policy have in common."""
_Owner = Policy | Stage | ClassPart
"""What has sub-policies and a softening."""


def with_classes(policy: Policy, classes: Mapping[str | int, Policy], name: str = "") -> Policy:
    """One policy whose images of some classes are augmented by other policies.

    Args:
        policy: of all other classes; its mix, mixture, adaptive rule and stages are those of the result.
        classes: by name or index of the class, the policy whose sub-policies and softening its images take.
        name: of the result.

    Returns:
        A policy whose classes replace those that `policy` has.

    Raises:
        UserError: the policy of a class has stages or classes, or another mix, mixture, adaptive rule or pair; or
            `policy` has a pair, whose two views have no class.

    Example:
        >>> digits = with_classes(Policy.preset("flip-crop"), {"6": Policy.preset("identity")})
        >>> sorted(digits.classes)
        ['6']
    """
    parts = {str(key): _part(policy, other, str(key)) for key, other in classes.items()}
    result = _update(policy, classes=parts, name=name or policy.name, about={})
    if result.pair is not None:
        check_pair(result.pair, [result])
    return result


def _part(policy: Policy, other: Policy, key: str) -> ClassPart:
    if other.stages or other.classes:
        raise UserError(f"the policy of class {key!r} has {'stages' if other.stages else 'classes'} of its own")
    differing = [name for name in _SHARED if getattr(other, name) not in (None, getattr(policy, name))]
    if differing:
        raise UserError(
            f"the policy of class {key!r} has another {differing[0]} than the common one: all classes of a policy "
            "share theirs"
        )
    softening = None if other.softening == policy.softening else other.softening or Softening(mode="off")
    if softening is not None and softening.normalise:
        softening = _update(softening, normalise=False)
    return ClassPart(sub_policies=other.sub_policies, softening=softening)


def class_policies(policy: Policy) -> Mapping[int, Policy]:
    """What images of the classes that differ draw from, by the index of the class.

    Args:
        policy: without stages, its classes by index.

    Returns:
        Policies without classes; of all other classes it is `common(policy)`.

    Raises:
        UserError: a class is called by name.
    """
    return _class_policies(policy) if policy.classes else {}


@lru_cache(maxsize=256)
def _class_policies(policy: Policy) -> Mapping[int, Policy]:
    return {index: _with_part(policy, part) for index, part in by_class_index(policy.classes).items()}


@lru_cache(maxsize=256)
def _without_classes(policy: Policy) -> Policy:
    stages = tuple(_update(stage, classes=None) for stage in policy.stages)
    return _update(policy, classes={}, stages=stages)


def differs_by_class(policy: Policy) -> bool:
    """Whether images of some class draw from sub-policies or softening of their own, at any stage."""
    return bool(policy.classes) or any(stage.classes for stage in policy.stages)


def common(policy: Policy) -> Policy:
    """What images of all classes without a part of their own draw from."""
    return _without_classes(policy) if differs_by_class(policy) else policy


def policy_of(policy: Policy, key: str) -> Policy:
    """The policy, with its stages, that images of one class draw from.

    Args:
        policy: its stages may have classes too.
        key: the class as the policy calls it; of any other the result is `common(policy)`.
    """
    part = policy.classes.get(key)
    first = common(policy) if part is None else _with_part(policy, part)
    stages = tuple(_stage_of(stage, policy, first, key) for stage in policy.stages)
    return _update(first, stages=stages)


def _stage_of(stage: Stage, policy: Policy, first: Policy, key: str) -> Stage:
    """A stage of what images of one class draw from, which begins as `first`."""
    parts = policy.classes if stage.classes is None else stage.classes
    part = parts.get(key, ClassPart.model_construct())
    curve = _in_force(part.softening, stage.softening, policy.softening)
    return _update(
        stage,
        sub_policies=part.sub_policies or stage.sub_policies,
        softening=None if curve == first.softening else curve or Softening(mode="off"),
        classes=None,
    )


def _in_force(*layers: Softening | None) -> Softening | None:
    """The first that is there; None where that is off, or none is."""
    curve = next((layer for layer in layers if layer is not None), None)
    return None if curve is None or curve.mode == "off" else curve


def _with_part(policy: Policy, part: ClassPart) -> Policy:
    return _update(
        policy,
        sub_policies=part.sub_policies or policy.sub_policies,
        softening=_in_force(part.softening, policy.softening),
        classes={},
    )


def with_sub_policies(policy: Policy, change: Callable[[SubPolicies], SubPolicies]) -> Policy:
    """The policy with all its sub-policies changed, those of its stages and classes too."""

    def changes(owner: _Owner) -> dict[str, Any]:
        return {} if owner.sub_policies is None else {"sub_policies": change(owner.sub_policies)}

    return _everywhere(policy, changes)


def _everywhere(policy: Policy, changes: Callable[[_Owner], dict[str, Any]]) -> Policy:
    """The policy with fields changed in itself, its stages, and the parts of their classes."""
    stages = tuple(_update(stage, **changes(stage), classes=_in_classes(stage, changes)) for stage in policy.stages)
    return _update(policy, **changes(policy), stages=stages, classes=_in_classes(policy, changes))


def _in_classes(owner: Policy | Stage, changes: Callable[[_Owner], dict[str, Any]]) -> dict[str, ClassPart] | None:
    """The parts of classes with fields changed; None for a stage that leaves them as they were."""
    if owner.classes is None:
        return None
    return {key: _update(part, **changes(part)) for key, part in owner.classes.items()}


def all_sub_policies(policy: Policy) -> list[SubPolicy]:
    """The sub-policies of a policy, its stages and its classes."""
    subs: list[SubPolicy] = []

    def note(sub_policies: SubPolicies) -> SubPolicies:
        subs.extend(sub_policies)
        return sub_policies

    with_sub_policies(policy, note)
    return subs


def softenings(policy: Policy) -> list[Softening]:
    """The softenings of a policy, its stages and its classes, those that are on."""
    owners: list[Policy | Stage] = [policy, *policy.stages]
    parts = [part for owner in owners for part in (owner.classes or {}).values()]
    curves = [owner.softening for owner in owners] + [part.softening for part in parts]
    return [curve for curve in curves if curve is not None and curve.mode != "off"]


def with_softenings(policy: Policy, change: Callable[[Softening], Softening | None]) -> Policy:
    """The policy with all its softenings changed, those of its stages and classes too; None takes one away."""

    def changes(owner: _Owner) -> dict[str, Any]:
        return {"softening": None if owner.softening is None else change(owner.softening)}

    return _everywhere(policy, changes)


def unmeasured(policy: Policy) -> bool:
    """Whether the policy spreads targets by a confusion that has still to be measured."""
    return any(curve.spread == "confusion" and curve.confusion is None for curve in softenings(policy))


def with_confusion(policy: Policy, confusion: Confusion) -> Policy:
    """The policy with a measured confusion wherever it spreads targets by one and has none.

    Args:
        policy: what is not by confusion, or has one, stays as it is.
        confusion: by the names of the true class and of the predicted one.
    """

    def measured(softening: Softening) -> Softening:
        if softening.spread == "even" or softening.confusion is not None:
            return softening
        return _update(softening, confusion=confusion)

    return with_softenings(policy, measured) if unmeasured(policy) else policy


def without_unmeasured(policy: Policy) -> Policy:
    """The policy with targets spread evenly where their confusion has still to be measured."""

    def even(softening: Softening) -> Softening:
        if softening.spread == "even" or softening.confusion is not None:
            return softening
        return _update(softening, spread="even")

    return with_softenings(policy, even) if unmeasured(policy) else policy


def _update(value: _Model, **changes: Any) -> _Model:
    return value.model_copy(update=changes)
