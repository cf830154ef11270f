"""Differences of means that have nothing in common."""

from __future__ import annotations

import math

from policysearch.stats.estimate import Estimate


def difference(first: Estimate, other: Estimate) -> Estimate:
    """`other` minus `first` with its 95 % interval, from the intervals of the two means.

    Square-and-add limits of two independent means (Newcombe 1998, Statistics in Medicine 17, 873, method 10; Zou &
    Donner 2008 for any two intervals). Searches with one seed share replicates, which would make the interval shorter:
    it is cautious there. nan where an interval is not known.

    Example:
        >>> change = difference(Estimate(0.80, 0.77, 0.83), Estimate(0.85, 0.81, 0.89))
        >>> f"{change.mean:.2f} [{change.low:.2f}, {change.high:.2f}]"
        '0.05 [0.00, 0.10]'
    """
    mean = other.mean - first.mean
    low = mean - math.hypot(other.mean - other.low, first.high - first.mean)
    high = mean + math.hypot(other.high - other.mean, first.mean - first.low)
    return Estimate(mean, low, high)
