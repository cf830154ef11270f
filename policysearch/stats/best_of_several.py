"""The best of several on common runs against each of the others: Tukey's range test, with simultaneous intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from policysearch.stats.arrays import Floats
from policysearch.stats.estimate import Estimate
from policysearch.stats.intervals import LEVEL, standard_error
from policysearch.stats.paired import Paired, count_error
from policysearch.stats.quantiles import t_quantile
from policysearch.stats.significance import POWER

_ROUNDING = 1e-12


def leads(best: str, values: Mapping[str, Floats], others: Sequence[str], images: int = 0) -> list[Paired]:
    """What the best of several leads others by, with 95 % intervals that hold for all pairs at once.

    The best was picked on these very runs, and it is held against several others. Tukey's range (Tukey 1953; Miller
    1981, Simultaneous Statistical Inference, chapter 2) covers both: of K things that are in truth equal, any two are
    told apart in at most 5 % of cases, whichever pair one looks at. The deviation of one value, with what runs share
    taken out, is pooled over all K (a two-way layout, (K - 1)(n - 1) degrees of freedom). As things may differ in their
    own deviations, the standard error of a pair is no smaller than the pair's own, nor than that of counts.

    Measured under the null (results/2026-11-30_null-leads): 0 to 4.9 % of searches claim a lead over an equal fixed
    policy where deviations differ up to threefold, but 7.2 % where one of seven has thrice the others' and n is 2.

    Args:
        best: the name of the one with the largest mean.
        values: name -> [n] values, run by run, of all things that could have been the best.
        others: names that it is held against.
        images: of which the values are shares; 0 where they are none.

    Returns:
        One per name of `others`, in their order; without an interval for n < 2, or where the error is 0.
    """
    table = np.stack([*values.values()])
    deviation, freedom = residual_deviation(table)
    return [_lead(best, other, values, deviation, freedom, images) for other in others]


def residual_deviation(table: Floats) -> tuple[float, int]:
    """The deviation of one value of a two-way layout, and its degrees of freedom.

    Args:
        table: [K, n] things × runs.

    Returns:
        sqrt of the sum of squares that is left when the means of things and runs are taken out, over (K - 1)(n - 1);
        nan where that is 0.

    Example:
        >>> residual_deviation(np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]]))
        (0.0, 2)
    """
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    left = table - table.mean(0, keepdims=True) - table.mean(1, keepdims=True) + table.mean()
    return (math.sqrt(float((left**2).sum()) / freedom) if freedom else math.nan), freedom


def _lead(best: str, other: str, values: Mapping[str, Floats], deviation: float, freedom: int, images: int) -> Paired:
    gaps = values[best] - values[other]
    n, mean = len(gaps), float(gaps.mean())
    if not freedom:
        return Paired(best, other, n, Estimate(mean, math.nan, math.nan), math.nan, math.nan)
    error = max(deviation * math.sqrt(2 / n), float(standard_error(gaps)), count_error(gaps, images))
    if error <= _ROUNDING:  # nothing varies at all, which is no proof
        return Paired(best, other, n, Estimate(mean, math.nan, math.nan), math.nan, math.nan)
    factor = range_factor(len(values), freedom)
    half = factor * error
    seen = half + float(t_quantile(POWER, freedom)) * error
    return Paired(best, other, n, Estimate(mean, mean - half, mean + half), error, seen)


@lru_cache(maxsize=64)
def range_factor(things: int, freedom: int) -> float:
    """Standard errors of a difference that two of several equal things exceed in 5 % of cases.

    Args:
        things: how many, 2 or more.
        freedom: degrees of freedom of the standard error.

    Example:
        >>> round(range_factor(2, 10), 3)  # of two it is Student's
        2.228
    """
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(LEVEL, things, freedom)) / math.sqrt(2)
