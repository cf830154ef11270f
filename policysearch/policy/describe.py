"""A policy in words, for people."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from policysearch.core.readable import readable_name
from policysearch.policy.adaptive import Adaptive, adaptive_in_words
from policysearch.policy.class_parts import ClassPart
from policysearch.policy.mixes import Mix, MixRow
from policysearch.policy.operations import Operation
from policysearch.policy.pairs import pair_in_words
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.softening import Curve, Softening
from policysearch.policy.steps import Normal, OneOf, SomeOf, Step, SubPolicy, Uniform

_LISTED = 40
"""Sub-policies that are named; a policy merged of many has hundreds."""
_PERCENT = 0.01
_SEEN = {
    "whole": "loses nothing",
    "counted": "visibility counted",
    "information": "visibility by information",
    "formula": "visibility by formula",
}


def operation_in_words(row: Operation) -> str:
    """One line: what the magnitude means, its range, and how visibility is had."""
    span = f"{row.low:g} to {row.high:g}" if row.low < 0 else f"{'±' if row.signed else ''}{row.low:g}..{row.high:g}"
    standard = f", levels {row.standard[0]:.4g} to {row.standard[1]:.4g}" if row.standard else ""
    magnitude = f"{row.unit}, {span}{standard}" if row.has_magnitude else "no magnitude"
    return f"{magnitude}; {_SEEN[row.visibility or 'whole']}"


def in_words(policy: Policy) -> str:
    """One line per sub-policy, then mixture, batch mix, classes, later stages, softening, rule of magnitudes, pair."""
    lines = [*_sub_policies(policy.sub_policies), *_mixture(policy), *_mix(policy.mix), *_classes(policy.classes)]
    for stage in policy.stages:
        ended = ["the batch no longer mixed"] if policy.mix and not stage.mix else []
        lines.append(f"from {stage.start:.0%} of the training on:")
        lines += [*_sub_policies(stage.sub_policies), *_mix(stage.mix), *ended, *_softening_of(stage.softening)]
        lines += [*_adaptive(stage.adaptive), *_classes_of(stage)]
    whole = _softening(policy.softening) if policy.softening else []
    pair = [pair_in_words(policy.pair)] if policy.pair else []
    return "\n".join([*lines, *whole, *_adaptive(policy.adaptive), *pair])


def _sub_policies(sub_policies: tuple[SubPolicy, ...]) -> list[str]:
    total = sum(sub.weight for sub in sub_policies)
    many = len(sub_policies) > 1
    listed, others = sub_policies[:_LISTED], sub_policies[_LISTED:]
    lines = [
        (f"{_share(sub.weight / total)} of images: " if many else "every image: ") + _sub_policy(sub) for sub in listed
    ]
    if others:
        share = sum(sub.weight for sub in others) / total
        lines.append(f"{_share(share)} of images: {len(others)} further sub-policies")
    return lines


def _share(share: float) -> str:
    return f"{share:.0%}" if share >= _PERCENT else f"{share:.1%}"


def _sub_policy(sub: SubPolicy) -> str:
    repeated = ((_step(step), len(list(same))) for step, same in groupby(sub.steps))
    return ", then ".join(text if n == 1 else f"{n} times {text}" for text, n in repeated) or "left as it is"


def _step(step: Step | OneOf | SomeOf) -> str:
    if isinstance(step, OneOf):
        return f"one of ({', '.join(_one(choice) for choice in step.one_of)})"
    if isinstance(step, SomeOf):
        shares = ", ".join(f"{n} ({share:.0%})" for n, share in enumerate(step.counts) if share)
        return f"n of ({', '.join(_one(choice) for choice in step.some_of)}) in random order, n drawn from {shares}"
    return _one(step)


def _one(step: Step) -> str:
    text = step.operation + _magnitude(step)
    return text if step.probability == 1 else f"{text} with probability {step.probability:g}"


def _magnitude(step: Step) -> str:
    magnitude = step.magnitude
    if magnitude is None:
        return ""
    sign = "±" if step.draws_sign else ""
    if isinstance(magnitude, Uniform):
        return f" {sign}{magnitude.start:.4g}..{magnitude.stop:.4g}"
    if isinstance(magnitude, Normal):
        return f" {sign}N({magnitude.mean:.3g}, {magnitude.std:.3g}²)"
    return f" {sign}{magnitude:.3g}"


def mix_in_words(row: MixRow) -> str:
    """One line: what it does, its alpha, and what it needs."""
    alpha = "no alpha" if row.alpha is None else f"alpha {row.alpha:g} unless given"
    texts = ", needs the strings of lines" if row.needs_texts else ""
    return f"{row.about}; {alpha}{', needs activation maps' if row.needs_maps else ''}{texts}"


def _mixture(policy: Policy) -> list[str]:
    mixture = policy.mixture
    if mixture is None:
        return []
    return [f"{mixture.width} such images averaged at random with the original (alpha {mixture.alpha:g})"]


def _mix(mix: Mix | None) -> list[str]:
    if mix is None:
        return []
    alpha = "" if mix.alpha is None else f" (alpha {mix.alpha:g})"
    share = "" if mix.probability == 1 else f" with probability {mix.probability:g}"
    return [f"then the batch mixed by {mix.operation}{alpha}{share}"]


def _adaptive(adaptive: Adaptive | None) -> list[str]:
    return [] if adaptive is None else [adaptive_in_words(adaptive)]


def _classes(parts: Mapping[str, ClassPart]) -> list[str]:
    """What images of some classes take in place of the policy's."""
    lines = []
    for key, part in parts.items():
        name = readable_name(key)
        lines += [f"class {name}: {line}" for line in _sub_policies(part.sub_policies or ())]
        lines += [f"class {name}: {line}" for line in _softening_of(part.softening)]
    return lines


def _classes_of(stage: Stage) -> list[str]:
    """A stage's classes, where they are others than the policy's."""
    if stage.classes is None:
        return []
    return _classes(stage.classes) or ["all classes alike"]


def _softening_of(softening: Softening | None) -> list[str]:
    """The softening of a stage or class, where it is another than the policy's."""
    if softening is None:
        return []
    return ["targets and loss weights not softened"] if softening.mode == "off" else _softening(softening)


def _softening(softening: Softening) -> list[str]:
    what = {"target": "targets", "weight": "loss weights", "both": "targets and loss weights"}[softening.mode]
    normalised = " (weights normalised to mean 1)" if softening.normalise else ""
    curves = [f"for {name}: {_curve(curve)}" for name, curve in (softening.operations or {}).items()]
    if softening.p_min != 1 or not curves:
        curves.insert(0, _curve(Curve(k=softening.k, p_min=softening.p_min)))
    return [f"{what} softened by visibility v{normalised}: {'; '.join(curves)}", *_spread(softening)]


def _spread(softening: Softening) -> list[str]:
    """How the classes that are not an image's share what its target loses, where that is not evenly."""
    if softening.spread == "even":
        return []
    if softening.confusion is None:
        return ["what a target loses goes to the classes that it is confused with, which a search measures"]
    mistakes = sum(count for row in softening.confusion.values() for count in row.values())
    return [f"what a target loses goes to the classes that it was confused with, by {mistakes:g} mistakes"]


def _curve(curve: Curve) -> str:
    if curve.p_min == 1:
        return "off"
    floor = "1/classes" if curve.p_min is None else f"{curve.p_min:g}"
    return f"confidence 1 - (1 - {floor})·(1 - v)^{curve.k:g}"
