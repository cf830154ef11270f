"""Policies that change with the progress of training, made from ones that do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeVar

from policysearch.core.errors import UserError
from policysearch.policy.adaptive import OFF, Adaptive
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.softening import Softening
from policysearch.policy.steps import Magnitude, Normal, OneOf, SomeOf, Step, SubPolicy, Uniform, choices

_AnyStep = TypeVar("_AnyStep", Step, OneOf, SomeOf)


def decayed(policy: Policy, operation: str, start: float = 0.96, factor: float = 1000) -> Policy:
    """The policy with an operation's distance from its neutral magnitude divided by `factor` from `start` on.

    The final decay of Soft Augmentation's σ (Liu et al. 2023, section B.1: the last 20 of 500 epochs, by 1000).

    Args:
        policy: a policy without stages.
        operation: which steps decay.
        start: share of training done, in (0, 1).
        factor: 1 or more.

    Raises:
        UserError: no step has that operation, it has no neutral magnitude, the policy has stages or classes, or a
            number is out of its range.

    Example:
        >>> from policysearch import Policy
        >>> policy = decayed(Policy.preset("soft-crop"), "soft-crop", start=0.9, factor=5)
        >>> [stage.start for stage in policy.stages]
        [0.9]
    """
    if not 0 < start < 1 or not factor >= 1:
        raise UserError(f"start must lie in (0, 1) and factor be 1 or more, got {start} and {factor}")
    operations = sorted(set(_operations(policy)))
    if operation not in operations:
        names = ", ".join(operations) or "none"
        raise UserError(f"no step of {policy.name or 'the policy'} is {operation!r}; it has {names}")
    if OPERATIONS[operation].neutral is None:
        raise UserError(f"{operation} has no neutral magnitude to decay to")
    _must_be_alike_throughout(policy)
    changed = _changed(policy, lambda step: _scaled(step, 1 / factor) if step.operation == operation else step)
    return _staged(policy, [Stage(start=start, sub_policies=changed, mix=policy.mix)])


def curriculum(policy: Policy, stages: int = 10) -> Policy:
    """The policy with all magnitudes growing evenly from their neutral ones: stage i of n has i/n of the strength.

    Operations without a neutral magnitude stay as they are.

    Args:
        policy: a policy without stages.
        stages: n, 2 or more; each lasts 1/n of the training, the last is the policy itself.

    Raises:
        UserError: too few stages, or the policy has stages or classes.

    Example:
        >>> from policysearch import Policy
        >>> policy = curriculum(Policy.preset("randaugment:2,9"), stages=4)
        >>> [stage.start for stage in policy.stages]
        [0.25, 0.5, 0.75]
    """
    if not isinstance(stages, int) or stages < 2:
        raise UserError(f"a curriculum needs 2 stages or more, a whole number, got {stages}")
    _must_be_alike_throughout(policy)
    parts = [_changed(policy, partial(_scaled, share=i / stages)) for i in range(1, stages)]
    grown = [*parts, policy.sub_policies]
    later = [Stage(start=i / stages, sub_policies=grown[i], mix=policy.mix) for i in range(1, stages)]
    return _staged(policy.model_copy(update={"sub_policies": grown[0]}), later)


def schedule(parts: Sequence[tuple[float, Policy]], name: str = "") -> Policy:
    """The policy that is each of these in turn, as one policy with stages.

    Neighbours that are equal are one stage.

    Args:
        parts: the share of the training done at which each policy begins, the first at 0, and the policy; ascending.
        name: of the result.

    Raises:
        UserError: a policy has stages, or they differ in their mixture or pair, which stages cannot say.

    Example:
        >>> from policysearch import Policy
        >>> flip, crop = Policy.preset("identity"), Policy.preset("flip-crop")
        >>> policy = schedule([(0.0, flip), (0.25, flip), (0.5, crop)])
        >>> [stage.start for stage in policy.stages], policy.at(0.9) == crop
        ([0.5], True)
    """
    first = parts[0][1]
    for _, policy in parts:
        if policy.stages:
            raise UserError(f"{policy.name or 'a policy'} has stages already")
        for part in ("mixture", "pair"):
            if getattr(policy, part) != getattr(first, part):
                raise UserError(f"{policy.name or 'a policy'} and {first.name or 'the first'} differ in their {part}")

    changes = [part for before, part in pairwise(parts) if part[1] != before[1]]
    stages = [
        Stage(
            start=start,
            sub_policies=policy.sub_policies,
            mix=policy.mix,
            softening=_softening_after(first, policy),
            adaptive=_adaptive_after(first, policy),
            classes=None if policy.classes == first.classes else policy.classes,
        )
        for start, policy in changes
    ]
    return _staged(first.model_copy(update={"name": name, "about": {}}), stages)


def _softening_after(first: Policy, policy: Policy) -> Softening | None:
    """What a stage must say so that it softens as `policy` does."""
    if policy.softening == first.softening:
        return None
    return policy.softening or Softening(mode="off")


def _adaptive_after(first: Policy, policy: Policy) -> Adaptive | None:
    """What a stage must say so that it adapts as `policy` does."""
    if policy.adaptive == first.adaptive:
        return None
    return policy.adaptive or Adaptive(rule=OFF)


def _must_be_alike_throughout(policy: Policy) -> None:
    """Check that a policy neither changes on the way nor differs by class, whose parts would not follow.

    Raises:
        UserError: it does.
    """
    if policy.stages:
        raise UserError(f"{policy.name or 'the policy'} has stages already")
    if policy.classes:
        raise UserError(
            f"{policy.name or 'the policy'} differs by class: make the stages of the common policy first, then add the "
            "classes (with_classes)"
        )


def _staged(policy: Policy, stages: list[Stage]) -> Policy:
    return policy.model_copy(update={"stages": tuple(stages)})


def _operations(policy: Policy) -> Iterator[str]:
    for sub in policy.sub_policies:
        for step in sub.steps:
            for one in choices(step):
                yield one.operation


def _changed(policy: Policy, change: Callable[[Step], Step]) -> tuple[SubPolicy, ...]:
    return tuple(
        sub.model_copy(update={"steps": tuple(_with_parts(step, change) for step in sub.steps)})
        for sub in policy.sub_policies
    )


def _with_parts(step: _AnyStep, change: Callable[[Step], Step]) -> _AnyStep | Step:
    parts = tuple(map(change, choices(step)))
    if isinstance(step, OneOf):
        return step.model_copy(update={"one_of": parts})
    return step.model_copy(update={"some_of": parts}) if isinstance(step, SomeOf) else parts[0]


def _scaled(step: Step, share: float) -> Step:
    neutral = OPERATIONS[step.operation].neutral
    if neutral is None or step.magnitude is None:
        return step
    return step.model_copy(update={"magnitude": _toward(step.magnitude, neutral, share)})


def _toward(magnitude: Magnitude, neutral: float, share: float) -> Magnitude:
    """The magnitude with `share` of its distance from `neutral`."""
    if isinstance(magnitude, Uniform):
        ends = {"start": magnitude.start, "stop": magnitude.stop}
        return magnitude.model_copy(update={k: neutral + (v - neutral) * share for k, v in ends.items()})
    if isinstance(magnitude, Normal):
        changes = {"mean": neutral + (magnitude.mean - neutral) * share, "std": magnitude.std * share}
        return magnitude.model_copy(update=changes)
    return neutral + (magnitude - neutral) * share
