"""A policy in words, for people."""

from __future__ import annotations

from policysearch.operations import OPERATIONS
from policysearch.policy import OneOf, Policy, Softening, Step, SubPolicy, Uniform

__all__ = ["in_words"]


def in_words(policy: Policy) -> str:
    """One line a sub-policy, then the softening curve."""
    total = sum(sub.weight for sub in policy.sub_policies)
    many = len(policy.sub_policies) > 1
    lines = [
        (f"{sub.weight / total:.0%} of images: " if many else "every image: ") + _sub_policy(sub)
        for sub in policy.sub_policies
    ]
    return "\n".join([*lines, *([_softening(policy.softening)] if policy.softening else [])])


def _sub_policy(sub: SubPolicy) -> str:
    return ", then ".join(_step(step) for step in sub.steps) or "left as it is"


def _step(step: Step | OneOf) -> str:
    if isinstance(step, OneOf):
        return f"one of ({', '.join(_one(choice) for choice in step.one_of)})"
    return _one(step)


def _one(step: Step) -> str:
    text = step.operation + _magnitude(step)
    return text if step.probability == 1 else f"{text} with probability {step.probability:g}"


def _magnitude(step: Step) -> str:
    row = OPERATIONS[step.operation]
    if step.magnitude is None:
        return ""
    sign = "±" if row.signed else ""
    if isinstance(step.magnitude, Uniform):
        return f" {sign}{step.magnitude.start:g}..{step.magnitude.stop:g}"
    return f" {sign}{step.magnitude:.3g}"


def _softening(curve: Softening) -> str:
    what = {"target": "targets", "weight": "loss weights", "both": "targets and loss weights"}[curve.mode]
    floor = "1/classes" if curve.p_min is None else f"{curve.p_min:g}"
    return f"{what} softened by visibility v: confidence 1 - (1 - {floor})·(1 - v)^{curve.k:g}"
