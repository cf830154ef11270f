"""What augmentation policies do, as numbers: the features from which a rule learns about arms that are alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from policysearch.policy.classes import common, policy_of
from policysearch.policy.operations import Operation, operation
from policysearch.policy.pairs import Pair
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Softening
from policysearch.policy.steps import Magnitude, Normal, OneOf, SomeOf, Step, Uniform

_POINTS = 101
_QUANTILES = np.array([NormalDist().inv_cdf((i + 0.5) / _POINTS) for i in range(_POINTS)])


def features(policies: Sequence[Policy]) -> NDArray[np.float64]:
    """[K, D] float64: the columns of `describe`, by name, each with mean 0 and deviation 1 over the policies.

    Columns that are the same for all policies are left out; D may be 0.
    """
    rows = [describe(policy) for policy in policies]
    names = sorted(set().union(*rows))
    table = np.array([[row.get(name, 0.0) for name in names] for row in rows]).reshape(len(rows), len(names))
    spread = table.std(axis=0)
    varies = spread > 1e-12
    return np.asarray((table - table.mean(axis=0))[:, varies] / spread[varies])


def describe(policy: Policy) -> dict[str, float]:
    """What a policy does to an image; what is not named is 0.

    - `NAME`: how often the operation is applied to an image on average: the sub-policy's share times the
      probability, a choice of one unfolded evenly.
    - `NAME strength`: the same times the average distance of the magnitude from where it changes nothing, as a share of
      the magnitudes accepted; the sign that is drawn does not matter.
    - `steps`: operations applied to an image on average.
    - `mix NAME`: the share of images that are mixed so. `mixture`: draws averaged beyond the first.
    - `adaptive RULE`: 1 where that rule gives each image its magnitudes; strengths are then those of an even draw.
    - `softens target`, `softens weight`, `softens by confusion`: 1 where it does. `softening`: the confidence lost at
      visibility one half, (1 - p_min)/2^k, on average over the curves; p_min of 1/classes counts as 0.
    - `pair sa1`, `pair sa2`: 1 where pairs of views are weighted so. `pair softening`: the weight that a pair loses
      whose views share one half, (1 - p_min)/2^k.

    Stages count by their share of the training. What some classes have of their own is counted apart, as
    `class NAME: ...`, as if all images were of that class.
    """
    out = _of_one_class(common(policy))
    for key in dict.fromkeys(key for _, stage in _stages(policy) for key in stage.classes):
        out |= {f"class {key}: {name}": value for name, value in _of_one_class(policy_of(policy, key)).items()}
    return out


def _of_one_class(policy: Policy) -> dict[str, float]:
    """The columns of a policy whose images all draw alike."""
    out: dict[str, float] = defaultdict(float)
    for share, stage in _stages(policy):
        total = sum(sub.weight for sub in stage.sub_policies)
        for sub in stage.sub_policies:
            for step, times in chain.from_iterable(map(_applied, sub.steps)):
                _add_step(out, step, share * sub.weight / total * times)
        if stage.mix:
            out[f"mix {stage.mix.operation}"] += share * stage.mix.probability
        if stage.adaptive:
            out[f"adaptive {stage.adaptive.rule}"] += share
        if stage.softening:
            for name, amount in _softening(stage.softening).items():
                out[name] += share * amount
    if policy.mixture:
        out["mixture"] = policy.mixture.width - 1.0
    return {**out, **_pair(policy.pair)}


def _stages(policy: Policy) -> Iterator[tuple[float, Policy]]:
    """The policies without stages that it is in turn, each with its share of the training."""
    starts = [0.0, *(stage.start for stage in policy.stages)]
    return zip(np.diff([*starts, 1.0]).tolist(), map(policy.at, starts), strict=True)


def _applied(step: Step | OneOf | SomeOf) -> list[tuple[Step, float]]:
    """Each step that it may turn out to be, and how often it is applied on average."""
    if isinstance(step, OneOf):
        return [(one, one.probability / len(step.one_of)) for one in step.one_of]
    if isinstance(step, SomeOf):
        share = _share_before_enough(step)
        return [(one, one.probability * share) for one in step.some_of]
    return [(step, step.probability)]


def _share_before_enough(step: SomeOf) -> float:
    """E min(n, S)/E S, with n the number drawn and S how many steps would be applied if all were tried.

    Each step's chance is its own times this: exact where their probabilities are equal.
    """
    successes = np.ones(1)
    for one in step.some_of:
        successes = np.convolve(successes, [1 - one.probability, one.probability])
    mean = float(successes @ np.arange(len(successes)))
    least = np.minimum.outer(np.arange(len(step.counts)), np.arange(len(successes)))
    return float(np.array(step.counts) @ least @ successes) / mean if mean else 0.0


def _add_step(out: dict[str, float], step: Step, times: float) -> None:
    row = operation(step.operation)
    amounts = {step.operation: times, "steps": times}
    if step.magnitude is not None:
        amounts[f"{step.operation} strength"] = times * _strength(row, step.magnitude)
    for name, amount in amounts.items():
        out[name] += amount


def _strength(row: Operation, magnitude: Magnitude) -> float:
    """The average distance from the neutral magnitude (the lowest if there is none), as a share of low to high."""
    if isinstance(magnitude, Uniform):
        values = np.linspace(magnitude.start, magnitude.stop, magnitude.levels or _POINTS)
    elif isinstance(magnitude, Normal):
        values = np.clip(magnitude.mean + magnitude.std * _QUANTILES, row.low, row.high)
    else:
        values = np.array([magnitude])
    neutral = row.low if row.neutral is None else row.neutral
    return float(np.abs(values - neutral).mean()) / ((row.high - row.low) or 1.0)


def _pair(pair: Pair | None) -> dict[str, float]:
    if pair is None:
        return {}
    return {f"pair {pair.weight}": 1.0, "pair softening": (1 - pair.p_min) / 2**pair.k}


def _softening(softening: Softening) -> dict[str, float]:
    lost = [(1 - (curve.p_min or 0.0)) / 2**curve.k for curve, _ in softening.curves()]
    by_confusion = {"softens by confusion": 1.0} if softening.spread == "confusion" else {}
    return {
        **by_confusion,
        "softens target": float(softening.mode in ("target", "both")),
        "softens weight": float(softening.mode in ("weight", "both")),
        "softening": sum(lost) / len(lost),
    }
