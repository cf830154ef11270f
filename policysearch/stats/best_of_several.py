"""The best of several on common runs against the others: each of them (Tukey's range), and the best of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    deviation, freedom = residual_deviation(np.stack([*values.values()]))
    factor = range_factor(len(values), freedom) if freedom else math.nan
    gaps = [_Gap(best, other, values[best] - values[other], deviation, images) for other in others]
    return [gap.pair(gap.mean - factor * gap.error, gap.mean + factor * gap.error, factor, freedom) for gap in gaps]


@dataclass(frozen=True)
class Margin:
    """What the best of several leads the best of others by.

    Attributes:
        pair: with the one of the largest mean among the others; its interval is that of the lead over the best of them.
        unsure: names of the others that it is not known to be better than.
    """

    pair: Paired
    unsure: tuple[str, ...]


def margin(
    best: str, values: Mapping[str, Floats], others: Sequence[str], images: int = 0, negligible: float = 0.0
) -> Margin:
    """What the best of several leads the best of others by, with a 95 % interval.

    That something is better than all others needs no correction for their number: whoever claims it wrongly errs about
    the best of them (the intersection-union test; Berger 1982, Multiparameter hypothesis testing and acceptance
    sampling). The lower end is therefore the least of the leads' lower ends, each corrected (Bonferroni) for the things
    from which the best was picked alone. The upper end needs all leads to hold and is corrected for both. The standard
    errors are those of `leads`.

    Args:
        best: the name of the one with the largest mean, which was picked among all that are not in `others`.
        values: name -> [n] values, run by run, of all things.
        others: names that it is held against, one or more.
        images: of which the values are shares; 0 where they are none.
        negligible: a lead that is no larger than this is none.

    Returns:
        It has no interval for n < 2, or where an error is 0.

    Example:
        >>> runs = {"a": np.array([0.9, 0.92, 0.91]), "b": np.array([0.8, 0.83, 0.82]), "c": np.array([0.5, 0.5, 0.4])}
        >>> lead = margin("a", runs, ["b", "c"])
        >>> lead.pair.other, lead.unsure
        ('b', ())
    """
    deviation, freedom = residual_deviation(np.stack([*values.values()]))
    picked_from = len(values) - len(others)
    factor, wider = _one_of(picked_from, freedom), _one_of(picked_from * len(others), freedom)
    gaps = [_Gap(best, other, values[best] - values[other], deviation, images) for other in others]
    closest = min(gaps, key=lambda gap: gap.mean)
    lows = [gap.mean - factor * gap.error for gap in gaps]
    highs = [gap.mean + wider * gap.error for gap in gaps]
    unsure = tuple(gap.other for gap, low in zip(gaps, lows, strict=True) if not low > negligible)
    low, high = float(np.min(lows)), float(np.min(highs))  # nan where one of them is
    return Margin(closest.pair(low, high, factor, freedom), unsure)


@dataclass(frozen=True)
class _Gap:
    """The best minus another, run by run [n]; `deviation` is the pooled one of a value, see `residual_deviation`."""

    best: str
    other: str
    gaps: Floats
    deviation: float
    images: int

    @property
    def mean(self) -> float:
        return float(self.gaps.mean())

    @property
    def error(self) -> float:
        """The standard error of the mean; nan for one run, and where nothing varies at all, which is no proof."""
        n = len(self.gaps)
        if n < 2 or math.isnan(self.deviation):
            return math.nan
        of_pair, of_counts = float(standard_error(self.gaps)), count_error(self.gaps, self.images)
        error = max(self.deviation * math.sqrt(2 / n), of_pair, of_counts)
        return error if error > _ROUNDING else math.nan

    def pair(self, low: float, high: float, factor: float, freedom: int) -> Paired:
        """The difference with an interval; `factor` standard errors are what makes it clear."""
        seen = (factor + float(t_quantile(POWER, freedom))) * self.error
        return Paired(self.best, self.other, len(self.gaps), Estimate(self.mean, low, high), self.error, seen)


def _one_of(count: int, freedom: int) -> float:
    """Standard errors that one of so many differences exceeds upwards in 2.5 % of cases, at most."""
    return float(t_quantile(1 - (1 - LEVEL) / (2 * count), freedom))


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
