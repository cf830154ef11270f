"""Two policies over their common replicates: paired difference, interval, test, and what could have been seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import t

from policysearch.stats.arrays import Floats
from policysearch.stats.intervals import Estimate, spread
from policysearch.stats.significance import ALPHA, detectable, holm


@dataclass(frozen=True)
class Paired:
    """A policy against another over the n replicates that both finished.

    Attributes:
        policy, other: their names.
        n: common replicates.
        difference: mean of the policy's value minus the other's, and its 95 % paired t interval.
        p: two-sided paired t test; nan where it is not defined: n < 2, or every difference is the same but not 0.
        holm: p corrected by Holm over the comparisons it stands with.
        detectable: the true difference that n replicates would show with 80 % power at the 5 % level, uncorrected.
    """

    policy: str
    other: str
    n: int
    difference: Estimate
    p: float
    holm: float
    detectable: float

    @property
    def half(self) -> float:
        """Half of the interval."""
        return (self.difference.high - self.difference.low) / 2

    @property
    def clear(self) -> bool:
        """Whether the difference is told from 0 at the 5 % level after Holm."""
        return self.holm <= ALPHA


def paired(policy: str, other: str, ours: Floats, theirs: Floats) -> Paired:
    """Compare two policies, not yet corrected by Holm.

    The t test is Student's (1908) on the differences within replicates. Its level holds for normal differences and
    nearly so for others that are symmetric; accuracies over hundreds of images are close enough.

    Args:
        policy, other: names.
        ours, theirs: [R] values by replicate, nan where there is none.
    """
    gaps = ours - theirs
    gaps = gaps[np.isfinite(gaps)]
    n = len(gaps)
    if n < 2:
        mean = float(gaps.mean()) if n else math.nan
        return Paired(policy, other, n, Estimate(mean, math.nan, math.nan), math.nan, math.nan, math.nan)
    mean, half = float(gaps.mean()), float(spread(gaps))
    p = _p(gaps)
    return Paired(policy, other, n, Estimate(mean, mean - half, mean + half), p, p, detectable(half, n - 1))


def _p(gaps: Floats) -> float:
    error = gaps.std(ddof=1) / math.sqrt(len(gaps))
    if np.ptp(gaps) <= 1e-12:  # such as two seeds that happen to differ by the same number of images
        return 1.0 if abs(gaps.mean()) <= 1e-12 else math.nan
    return float(2 * t.sf(abs(gaps.mean()) / error, len(gaps) - 1))


def corrected(pairs: Sequence[Paired]) -> list[Paired]:
    """The same with Holm's correction over them."""
    return [replace(pair, holm=p) for pair, p in zip(pairs, holm([pair.p for pair in pairs]), strict=True)]
