"""What a record says about each arm, and which arms go on to confirmation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.policy.presets import BASELINES, preset
from policysearch.policy.spaces import Arm
from policysearch.stats.shrinkage import pooled, shrink
from policysearch.study.rows import COMPLETE, FAILED, Row


@dataclass(frozen=True)
class ArmSummary:
    """One arm over its finished pulls.

    Attributes:
        arm: the arm.
        pulls: rewards it has.
        failures: pulls that ended without one.
        mean: mean reward; nan without pulls.
        error: standard error of the mean, from the deviation pooled over arms; nan where unknown.
        shrunken: the mean shrunk towards the centre of all arms.
        seconds: worker-seconds spent on it.
        cheaper: rewards it has at lower fidelities than the highest; they do not compare, and are not in the mean.
        freedom: degrees of freedom of the pooled deviation; 0 where no arm has two rewards, and `error` is a guess.
    """

    arm: Arm
    pulls: int
    failures: int
    mean: float
    error: float
    shrunken: float
    seconds: float
    cheaper: int = 0
    freedom: int = 0


def summarise(rows: Sequence[Row]) -> list[ArmSummary]:
    """A summary of every arm that was pulled, best shrunken mean first, arms without a reward last.

    Where pulls were of several fidelities, only rewards at the highest that has any count, and pulls there.
    The deviation of one pull is pooled over arms with two or more; if there is none (a sampler that never
    repeats itself), it is taken as sqrt(1/2) of that of all rewards: half of what is seen is held to be noise.
    What all arms of a replicate share counts as noise too, which makes the shrinkage cautious.
    """
    by_arm: dict[str, list[Row]] = {}
    for row in rows:
        by_arm.setdefault(row.arm.key, []).append(row)
    highest = max((row.fidelity for row in rows if row.state == COMPLETE), default=0)
    rewards = {key: _rewards(own, highest) for key, own in by_arm.items()}
    known = [key for key in by_arm if len(rewards[key])]
    if not known:
        return [_summary(own, np.array([]), np.nan, np.nan, 0) for own in by_arm.values()]
    deviation = _deviation([rewards[key] for key in known])
    means = np.array([rewards[key].mean() for key in known])
    pulls = np.array([len(rewards[key]) for key in known], dtype=float)
    freedom = int((pulls - 1).sum())
    shrunken = dict(zip(known, shrink(means, pulls, deviation)[0], strict=True))
    out = [_summary(own, rewards[key], deviation, shrunken.get(key, np.nan), freedom) for key, own in by_arm.items()]
    return sorted(out, key=_rank)


def _rank(summary: ArmSummary) -> tuple[float, float, str]:
    """Best first by shrunken mean; where noise explains all and these are equal, by the mean itself."""
    if not summary.pulls:
        return math.inf, math.inf, summary.arm.key
    return -round(summary.shrunken, 12), -summary.mean, summary.arm.key


def _rewards(rows: Sequence[Row], fidelity: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    counted = [row.reward for row in rows if row.state == COMPLETE and row.fidelity == fidelity]
    return np.array(counted, dtype=np.float64)


def _deviation(rewards: Sequence[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> float:
    within = pooled(rewards)
    if within is not None:
        return within
    together = np.concatenate(rewards)
    return float(together.std(ddof=1) / np.sqrt(2)) if len(together) > 1 else 0.0


def _summary(
    rows: Sequence[Row],
    rewards: np.ndarray[tuple[int], np.dtype[np.float64]],
    deviation: float,
    shrunken: float,
    freedom: int,
) -> ArmSummary:
    n = len(rewards)
    return ArmSummary(
        rows[0].arm,
        n,
        sum(row.state == FAILED for row in rows),
        float(rewards.mean()) if n else np.nan,
        deviation / np.sqrt(n) if n else np.nan,
        float(shrunken),
        sum(row.seconds for row in rows),
        sum(row.state == COMPLETE for row in rows) - n,
        freedom,
    )


def finalists(summaries: Sequence[ArmSummary], count: int, fixed: Sequence[str] = BASELINES) -> list[Arm]:
    """The `count` best arms by shrunken mean, then the fixed ones, with which every winner is compared; none twice."""
    best = [s.arm for s in summaries if s.pulls][:count]
    keys = {arm.key for arm in best}
    rest = (Arm({"family": name}, preset(name)) for name in fixed)
    return best + [arm for arm in rest if arm.key not in keys]
