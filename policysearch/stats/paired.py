"""Two things compared over their common runs: paired difference, interval, test, and what could have been seen.

Three tests make such pairs, since what is compared differs: Student's t of a policy's metrics over seeds
(`student_pair`), the sign-flip test of strategies' regrets, which are mostly 0 (`sign_flip_pair`), and Tukey's range
for the best of several, which was picked on the same runs (`best_of_several.leads`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from policysearch.core.jsonable import plain
from policysearch.stats.arrays import Floats
from policysearch.stats.estimate import Estimate
from policysearch.stats.intervals import LEVEL, spread, standard_error
from policysearch.stats.quantiles import t_quantile, t_tail
from policysearch.stats.significance import ALPHA, TIE, detectable, holm, sign_flip

_EQUAL = 1e-12  # differences closer than this are rounding
_ENOUGH = 20  # runs that differ, from which on their deviation can be trusted


@dataclass(frozen=True)
class Paired:
    """One thing minus another over the n runs that both finished.

    Attributes:
        name: the one.
        other: the one it is compared with.
        n: common runs.
        difference: mean of the value of `name` minus that of `other`, and its 95 % interval; nan where n is too small.
        error: standard error of that mean; nan where n is too small.
        detectable: the true difference that n runs would show with 80 % power at the 5 % level, before any correction
            that comes later; nan where n is too small.
    """

    name: str
    other: str
    n: int
    difference: Estimate
    error: float
    detectable: float

    @property
    def clear(self) -> bool:
        """Whether the interval of the difference is known and lies on one side of 0."""
        return self.difference.low > 0 or self.difference.high < 0


@dataclass(frozen=True)
class PairedTest(Paired):
    """A paired difference with its own test.

    Attributes:
        p: of the two-sided test; nan where it is not defined.
        holm: p corrected by Holm over the comparisons that are made together.
    """

    p: float
    holm: float

    @property
    def clear(self) -> bool:
        """Whether the difference from 0 is significant at the 5 % level after Holm."""
        return self.holm <= ALPHA


def count_error(gaps: Floats, images: int) -> float:
    """The least standard error that a mean difference of two shares of the same images can have.

    A difference of d images takes d images or more on which one network is right and the other wrong. Between equal
    networks each of these is a toss of a coin (McNemar 1947), so the differences of all runs, D images without their
    signs, have a standard error of √D images or more. Two runs that happen to differ by the same few images thus prove
    nothing, though their deviation is 0.

    Args:
        gaps: [n] differences of shares, in [-1, 1].
        images: of which they are shares; 0 where the values are no shares, and nothing is known.

    Returns:
        Standard error of the mean, a share; 0 where nothing is known.

    Example:
        >>> error = count_error(np.array([0.002, 0.002]), images=500)  # one image in each of two runs
        >>> round(500 * error, 3)  # images: a lead of one is less than one and a half standard errors
        0.707
    """
    if not images:
        return 0.0
    return math.sqrt(float(np.abs(gaps).sum()) / images) / len(gaps)


def student_pair(name: str, other: str, ours: Floats, theirs: Floats, images: int = 0) -> PairedTest:
    """Compare two policies by the paired t test, not yet corrected by Holm.

    The t test is Student's (1908) on the differences within replicates. Its level holds for normal differences and
    nearly so for others that are symmetric; accuracies over hundreds of images are close enough. The standard error is
    bounded from below by that of the counts (`count_error`).

    Args:
        name, other: of the policies.
        ours, theirs: [R] values by replicate, nan where there is none.
        images: of which the values are shares; 0 where they are none.

    Returns:
        p is nan for fewer than two replicates, and where every difference is the same but not 0 and no count bounds
        the error.
    """
    gaps = ours - theirs
    gaps = gaps[np.isfinite(gaps)]
    n = len(gaps)
    if n < 2:
        mean = float(gaps.mean()) if n else math.nan
        unknown = Estimate(mean, math.nan, math.nan)
        return PairedTest(name, other, n, unknown, math.nan, math.nan, p=math.nan, holm=math.nan)
    mean, error = float(gaps.mean()), max(float(standard_error(gaps)), count_error(gaps, images))
    half = float(t_quantile((1 + LEVEL) / 2, n - 1)) * error
    p = _student_p(mean, error, n)
    difference = Estimate(mean, mean - half, mean + half)
    return PairedTest(name, other, n, difference, error, detectable(half, n - 1), p=p, holm=p)


def _student_p(mean: float, error: float, n: int) -> float:
    if error <= _EQUAL:
        return 1.0 if abs(mean) <= _EQUAL else math.nan
    return 2 * t_tail(abs(mean) / error, n - 1)


def sign_flip_pair(name: str, other: str, ours: Floats, theirs: Floats, blind: float) -> PairedTest:
    """Compare two strategies by the sign-flip test of their regrets, not yet corrected by Holm.

    The interval is the paired t interval. While fewer than 20 runs differ, two imagined ones are added, one in which
    either picked blindly and the other was right (see `intervals.mean_interval` for why): differences are mostly 0,
    and their plain standard error is 0 where no run happened to differ. Measured as there: plain 42 % to 100 %, with
    the two 95 % to 100 %. The test needs no such help, and may so be surer than the interval looks.

    Args:
        name, other: of the strategies.
        ours, theirs: [R], [R'] final simple regrets, run by run.
        blind: mean regret of an arm drawn at random.

    Returns:
        The difference is `other`'s regret minus that of `name`, what `name` is better by.
    """
    n = min(len(ours), len(theirs))
    gaps = np.sort(theirs[:n] - ours[:n])
    imagined = (-blind, blind) if np.sum(np.abs(gaps) > TIE) < _ENOUGH else ()
    mean, half = float(gaps.mean()), float(spread(gaps, imagined))
    freedom = n + len(imagined) - 1
    error = half / float(t_quantile((1 + LEVEL) / 2, freedom)) if freedom else math.nan

    # With fewer than 6 runs even n equal signs leave the test above 5 %.
    seen = detectable(half, freedom) if 2.0 ** (1 - n) <= ALPHA else math.nan
    difference = Estimate(mean, mean - half, mean + half)
    return PairedTest(name, other, n, difference, error, seen, p=sign_flip(gaps), holm=math.nan)


def fields_of(pair: PairedTest, name: str) -> dict[str, Any]:
    """The pair for a file, in plain types.

    Args:
        pair: to be written.
        name: the key of what is compared: policy, strategy.
    """
    fields = plain(pair)
    order = ("other", "n", "difference", "p", "holm", "detectable", "error")
    return {name: fields["name"], **{field: fields[field] for field in order}}


def with_holm(pairs: Sequence[PairedTest]) -> list[PairedTest]:
    """The same with Holm's correction over them."""
    return [replace(pair, holm=p) for pair, p in zip(pairs, holm([pair.p for pair in pairs]), strict=True)]
