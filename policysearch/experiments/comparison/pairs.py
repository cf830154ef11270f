"""Strategies compared two by two over their common runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.stats.arrays import Floats
from policysearch.stats.intervals import Estimate, spread
from policysearch.stats.significance import _TIE, ALPHA, detectable, sign_flip

_ENOUGH = 20


@dataclass(frozen=True)
class Pair:
    """Two strategies with one budget over their n common runs.

    Attributes:
        strategy: the one with the smaller mean simple regret over all of its runs.
        other: the one it is compared with.
        n: runs that both have.
        difference: simple regret of `other` minus that of `strategy`: above 0, `strategy` is better.
        p: two-sided sign-flip test.
        holm: p corrected by Holm over all pairs of the budget.
        detectable: the true difference that n runs would show with 80 % power at the 5 % level, uncorrected;
            nan where n is too small for any.
    """

    strategy: str
    other: str
    n: int
    difference: Estimate
    p: float
    holm: float
    detectable: float


def pair(strategy: str, other: str, ours: Floats, theirs: Floats, blind: float) -> Pair:
    """The paired difference over the runs both have, not yet corrected by Holm.

    The interval is the paired t interval. While fewer than 20 runs differ, two imagined ones are added, one in which
    either picked blindly and the other was right (see `intervals.mean_interval` for why): differences are mostly 0,
    and their plain standard error is 0 where no run happened to differ. Measured as there: plain 42 % to 100 %, with
    the two 95 % to 100 %. The test needs no such help, and may so be surer than the interval looks.

    Args:
        strategy: name of the first; other: of the second.
        ours: [R] final simple regret of the first, run by run; theirs: [R'] of the second.
        blind: mean regret of an arm drawn at random.
    """
    n = min(len(ours), len(theirs))
    gaps = np.sort(theirs[:n] - ours[:n])
    imagined = (-blind, blind) if np.sum(np.abs(gaps) > _TIE) < _ENOUGH else ()
    mean, half = float(gaps.mean()), float(spread(gaps, imagined))
    low, high = mean - half, mean + half
    return Pair(
        strategy, other, n, Estimate(mean, low, high), sign_flip(gaps), np.nan, _detectable(half, n, len(imagined))
    )


def _detectable(half: float, n: int, imagined: int) -> float:
    """(t_.975 + t_.80)·s.e., nan where even n equal signs leave the sign-flip test above 5 % (n < 6)."""
    if 2.0 ** (1 - n) > ALPHA:
        return float("nan")
    return detectable(half, n + imagined - 1)
