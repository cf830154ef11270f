"""The trials of a record summarised by arm, and the arms that are confirmed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.policy.spaces import Arm
from policysearch.stats.estimate import Estimate
from policysearch.stats.intervals import student
from policysearch.stats.shrinkage import pooled, shrink
from policysearch.study.config import SearchConfig
from policysearch.study.further_strategies import composed_arms, composed_count
from policysearch.study.rows import COMPLETE, FAILED, PRUNED, Row


@dataclass(frozen=True)
class ArmSummary:
    """One arm over its finished pulls.

    Attributes:
        arm: the arm.
        pulls: rewards it has.
        failures: pulls that ended without one.
        mean: mean reward; nan without pulls.
        error: standard error of the mean, from the deviation pooled over arms; nan where no arm has two rewards,
            since the deviation of a pull is not known then.
        shrunken: the mean shrunk towards the centre of all arms.
        seconds: worker-seconds spent on it.
        cheaper: rewards it has at lower fidelities than the highest; they do not compare, and are not in the mean.
        freedom: degrees of freedom of the pooled deviation; 0 where no arm has two rewards.
        pruned: pulls that were stopped since the arm looked hopeless.
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
    pruned: int = 0

    @property
    def ended(self) -> int:
        """Pulls that have ended, however they did."""
        return self.pulls + self.cheaper + self.failures + self.pruned

    @property
    def interval(self) -> Estimate:
        """The mean and its 95 % t interval, in the reward's unit; no interval where `error` is not known."""
        return student(self.mean, self.error, self.freedom + 1)


def summarise(rows: Sequence[Row]) -> list[ArmSummary]:
    """A summary of every arm that was pulled, best shrunken mean first, arms without a reward last.

    Where pulls were of several fidelities, only rewards at the highest that has any count, and pulls there.
    The deviation of one pull is pooled over arms with two or more. If there is none (a sampler that never repeats
    itself), there are no standard errors, and means are shrunk as if half of what is seen were noise: by sqrt(1/2) of
    the deviation of all rewards. What all arms of a replicate share counts as noise too, which makes the shrinkage
    cautious.
    """
    by_arm: dict[str, list[Row]] = {}
    for row in rows:
        by_arm.setdefault(row.arm.key, []).append(row)
    highest = highest_fidelity(rows)
    rewards = {key: _rewards(trials, highest) for key, trials in by_arm.items()}
    rewarded = [key for key in by_arm if len(rewards[key])]
    if not rewarded:
        return [_summary(trials, np.array([]), np.nan, np.nan, 0) for trials in by_arm.values()]

    deviation = _deviation([rewards[key] for key in rewarded])
    means = np.array([rewards[key].mean() for key in rewarded])
    pulls = np.array([len(rewards[key]) for key in rewarded], dtype=float)
    freedom = int((pulls - 1).sum())
    shrunken = dict(zip(rewarded, shrink(means, pulls, deviation)[0], strict=True))
    summaries = [
        _summary(trials, rewards[key], deviation, shrunken.get(key, np.nan), freedom) for key, trials in by_arm.items()
    ]
    return sorted(summaries, key=_rank)


def highest_fidelity(rows: Sequence[Row]) -> int:
    """The highest fidelity that any finished trial has; 0 where there is none."""
    return max((row.fidelity for row in rows if row.state == COMPLETE), default=0)


def at_highest_fidelity(rows: Sequence[Row]) -> list[Row]:
    """The finished trials of the highest fidelity."""
    highest = highest_fidelity(rows)
    return [row for row in rows if row.state == COMPLETE and row.fidelity == highest]


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
        deviation / np.sqrt(n) if n and freedom else np.nan,
        float(shrunken),
        sum(row.seconds for row in rows),
        sum(row.state == COMPLETE for row in rows) - n,
        freedom,
        sum(row.state == PRUNED for row in rows),
    )


def finalists(
    summaries: Sequence[ArmSummary],
    count: int,
    fixed: Sequence[Arm],
    strategy: str = "",
    ranked: Sequence[Arm] | None = None,
) -> list[Arm]:
    """What is confirmed, no arm twice.

    Args:
        summaries: of the search, best first.
        count: how many of its best arms.
        fixed: the fixed policies, with which every winner is compared.
        strategy: of the search; what it makes of its best arms is confirmed too.
        ranked: the arms, best first; by default by shrunken mean.

    Returns:
        the best arms, what was made of them, then the fixed policies.
    """
    best = [summary.arm for summary in summaries if summary.pulls] if ranked is None else ranked
    arms: dict[str, Arm] = {}
    for arm in (*best[:count], *composed_arms(strategy, best), *fixed):
        arms.setdefault(arm.key, arm)
    return [*arms.values()]


def most_finalists(config: SearchConfig, free: int) -> int:
    """How many arms are confirmed, the fixed policies included; more where one of these was never pulled.

    Args:
        config: of the search.
        free: policies that cost no search, see `Space.free`.
    """
    return config.finalists + composed_count(config.strategy) + min(free, config.fixed_finalists or free)
