"""Every metric of every policy, and its differences to the best fixed policy and to TrivialAugment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.experiments.evaluation.metrics import VALIDATION, Measured
from policysearch.stats.estimate import Estimate
from policysearch.stats.intervals import student
from policysearch.stats.paired import PairedTest, student_pair, with_holm

TRIVIAL = "trivialaugment-wide"


@dataclass(frozen=True)
class Score:
    """A policy's mean of one metric over the n replicates it finished, and their standard deviation."""

    policy: str
    n: int
    mean: float
    sd: float

    @property
    def interval(self) -> Estimate:
        """The mean and its 95 % t interval over replicates; no interval for fewer than two."""
        return student(self.mean, self.sd / math.sqrt(max(self.n, 1)), self.n)


@dataclass(frozen=True)
class MetricResult:
    """One metric.

    Attributes:
        scores: of every policy.
        searched: the evaluated policy against each reference; Holm over these.
        fixed: every other policy against each reference; Holm over these.
    """

    scores: tuple[Score, ...]
    searched: tuple[PairedTest, ...]
    fixed: tuple[PairedTest, ...]


def best_fixed(measured: Measured) -> str | None:
    """The fixed policy, other than the evaluated one, of the highest mean validation accuracy.

    The test part has no say: the best of several on the test part would be the luckiest. Only policies that finished
    as many replicates as any did can be chosen; equal means go to the one named first.
    """
    others = [name for name in measured.fixed if name != measured.searched]
    counts = {name: int(np.isfinite(measured.of(name, VALIDATION)).sum()) for name in others}
    most = max(counts.values(), default=0)
    whole = [name for name in others if counts[name] == most]
    return max(whole, key=lambda name: float(np.nanmean(measured.of(name, VALIDATION)))) if most else None


def references(measured: Measured, best: str | None) -> tuple[str, ...]:
    """What is compared with: the best fixed policy, and TrivialAugment's wide form where it is another and there."""
    trivial = [name for name in measured.names if name == TRIVIAL and name not in (best, measured.searched)]
    return tuple([best] if best else []) + tuple(trivial)


def compared(measured: Measured, metric: str, names: Sequence[str], against: Sequence[str]) -> list[PairedTest]:
    """Each policy against each reference other than itself, corrected by Holm over all of them."""
    pairs = [
        student_pair(name, other, measured.of(name, metric), measured.of(other, metric), measured.images_of(metric))
        for other in against
        for name in names
        if name != other
    ]
    return with_holm(pairs)


def metric_result(measured: Measured, metric: str, against: Sequence[str]) -> MetricResult:
    """The scores and the paired differences of one metric."""
    searched, others = measured.names[:1], measured.names[1:]
    return MetricResult(
        tuple(_score(measured, name, metric) for name in measured.names),
        tuple(compared(measured, metric, searched, against)),
        tuple(compared(measured, metric, others, against)),
    )


def _score(measured: Measured, name: str, metric: str) -> Score:
    values = measured.of(name, metric)
    values = values[np.isfinite(values)]
    n = len(values)
    return Score(name, n, float(values.mean()) if n else math.nan, float(values.std(ddof=1)) if n > 1 else math.nan)
