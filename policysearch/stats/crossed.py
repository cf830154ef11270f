"""Means over networks × images, both of them samples: the error of a mean that another draw of both would not keep."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from policysearch.stats.arrays import Floats
from policysearch.stats.estimate import Estimate
from policysearch.stats.intervals import LEVEL
from policysearch.stats.paired import PairedTest
from policysearch.stats.quantiles import t_quantile, t_tail
from policysearch.stats.significance import detectable

_EQUAL = 1e-12


@dataclass(frozen=True)
class CrossedMean:
    """The mean of values [S, N] of S networks on the same N images, both random effects.

    Attributes:
        mean: over all values.
        error: its standard error over draws of networks and of images; nan for fewer than two of either.
        freedom: degrees of freedom (Satterthwaite 1946); nan where the error is.
    """

    mean: float
    error: float
    freedom: float

    @property
    def interval(self) -> Estimate:
        """The mean and its 95 % t interval."""
        half = float(t_quantile((1 + LEVEL) / 2, self.freedom)) * self.error if self.freedom > 0 else math.nan
        return Estimate(self.mean, self.mean - half, self.mean + half)


def crossed_mean(values: Floats) -> CrossedMean:
    """The mean of values [S, N], with the error of the two-way random-effects model without replication.

    With mean squares of networks, images and the rest, the variance of the mean is (MS_s + MS_i - MS_r) / (S·N), and
    never taken smaller than that of networks or that of images alone.

    Args:
        values: [S, N] a row per network, a column per image.

    Example:
        >>> alike = crossed_mean(np.array([[0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0]]))
        >>> alike.mean, round(alike.error, 3)  # two equal networks are no more than four images
        (0.5, 0.289)
    """
    values = np.asarray(values, dtype=np.float64)
    networks, images = values.shape
    mean = float(values.mean())
    if min(networks, images) < 2:
        return CrossedMean(mean, math.nan, math.nan)
    rows, columns = values.mean(1), values.mean(0)
    rest = values - rows[:, None] - columns[None] + mean
    of_networks = images * float(((rows - mean) ** 2).sum()) / (networks - 1)
    of_images = networks * float(((columns - mean) ** 2).sum()) / (images - 1)
    both = (networks - 1) * (images - 1)
    of_rest = float((rest**2).sum()) / both
    total = of_networks + of_images - of_rest
    parts = of_networks**2 / (networks - 1) + of_images**2 / (images - 1) + of_rest**2 / both
    larger, freedom = max((of_networks, float(networks - 1)), (of_images, float(images - 1)))
    if total > larger and parts > 0:
        larger, freedom = total, max(total**2 / parts, 1.0)
    return CrossedMean(mean, math.sqrt(larger / (networks * images)), freedom)


def crossed_pair(name: str, other: str, ours: Floats, theirs: Floats) -> PairedTest:
    """Compare two ways to predict, on the same networks and images, by the t test of `crossed_mean`.

    Not yet corrected by Holm. The n of the result is the number of networks.

    Args:
        name, other: what is compared.
        ours, theirs: [S, N] values, more is better.
    """
    gaps = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    mean = crossed_mean(gaps)
    interval = mean.interval
    if mean.error <= _EQUAL:
        p = 1.0 if abs(mean.mean) <= _EQUAL else math.nan
    else:
        p = 2 * t_tail(abs(mean.mean) / mean.error, mean.freedom) if mean.freedom > 0 else math.nan
    half = interval.high - interval.mean
    seen = detectable(half, mean.freedom) if mean.freedom > 0 else math.nan
    return PairedTest(name, other, len(gaps), interval, mean.error, seen, p=p, holm=p)
