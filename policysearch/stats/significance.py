"""Tests of paired differences: the sign-flip test, Holm's correction, and what a test could have shown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from policysearch.stats.arrays import Floats
from policysearch.stats.intervals import LEVEL
from policysearch.stats.quantiles import t_quantile

ALPHA = 0.05
"""The level of every test: the share of false alarms that is accepted."""
POWER = 0.80
"""The probability with which a difference that is called detectable would be shown."""
TIE = 1e-9
"""Sums of rewards closer than this are equal."""
_EXACT = 13  # differences up to which every pattern of signs is tried
_DRAWN = 9_999  # patterns drawn beyond that: p is known to ± 0.0004 where Holm over 28 pairs decides


def detectable(half: float, freedom: float) -> float:
    """The true difference that a paired t test shows with 80 % power at the 5 % level: (t_.975 + t_.80)·s.e.

    Args:
        half: of the 95 % interval, t_.975·s.e.
        freedom: degrees of freedom, 1 or more.
    """
    of_interval, of_power = t_quantile((1 + LEVEL) / 2, freedom), t_quantile(POWER, freedom)
    return float(half * (1 + of_power / of_interval))


def sign_flip(gaps: Floats) -> float:
    """p of the two-sided sign-flip (Fisher, 1935) test of mean 0; nan for fewer than two runs.

    Chosen over the paired t because differences of regrets are few, discrete and mostly exactly 0: under equal
    strategies their signs are exchangeable, so the level holds for any n and any such distribution, and as n grows the
    test and the paired t agree (flipping signs leaves the sum of squares alone, so it flips t itself). Differences of 0
    do not count. Up to 13 others the patterns are enumerated, beyond that 9,999 are drawn, always the same. What those
    cannot resolve, a p below 1 in 10,000, which Holm over hundreds of pairs would turn into no evidence, is replaced by
    Hoeffding's (1963, theorem 2) bound on it, 2·exp(-(Σ gaps)² / (2 Σ gaps²)).

    Args:
        gaps: [n] paired differences.

    Example:
        >>> sign_flip(np.array([1.0, 2.0, 3.0]))  # 2 of the 8 patterns of signs give a sum of 6 or -6
        0.25
    """
    if len(gaps) < 2:
        return float("nan")
    moved = np.sort(gaps[np.abs(gaps) > TIE])
    if len(moved) <= _EXACT:
        sums = np.abs(_patterns(len(moved)) @ moved)
        return float(np.mean(sums >= abs(moved.sum()) - TIE))
    sums = np.abs(moved @ _signs(1 << (len(moved) - 1).bit_length())[: len(moved)])
    drawn = (1 + np.sum(sums >= abs(moved.sum()) - TIE)) / (1 + _DRAWN)
    bound = 2 * np.exp(-0.5 * moved.sum() ** 2 / (moved**2).sum())
    return float(min(drawn, bound))


def _patterns(n: int) -> Floats:
    """[2^n, n] every pattern of signs."""
    return np.asarray(1.0 - 2.0 * ((np.arange(1 << n)[:, None] >> np.arange(n)) & 1), dtype=np.float64)


@lru_cache(maxsize=2)
def _signs(n: int) -> Floats:
    """[n, drawn] signs; the first rows do not depend on n."""
    return np.random.default_rng(0).choice(np.array([-1.0, 1.0]), (n, _DRAWN))


def holm(p: Sequence[float]) -> list[float]:
    """p corrected by Holm (1979): the k-th smallest of m times (m - k + 1), never below the one before; nan stays.

    Args:
        p: m values in [0, 1]; those that are nan are no tests and do not count.

    Returns:
        m corrected values in [0, 1], in the order of `p`.

    Example:
        >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    order = [int(i) for i in np.argsort(values) if not np.isnan(values[i])]
    steps = values[order] * np.arange(len(order), 0, -1)
    out = np.full(len(values), np.nan)
    out[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(v) for v in out]
