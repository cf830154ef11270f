"""What one thing does to each class of images, compared with others on common runs and corrected for many classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

import numpy as np

from policysearch.stats.arrays import Floats
from policysearch.stats.best_of_several import residual_deviation
from policysearch.stats.estimate import Estimate
from policysearch.stats.intervals import LEVEL, standard_error, student
from policysearch.stats.paired import Paired, count_error
from policysearch.stats.quantiles import t_quantile
from policysearch.stats.significance import POWER

_ROUNDING = 1e-12


IMAGES, PIXELS = "images", "pixels"
"""What classes are of: shares of images predicted right, or intersections over unions of pixels."""


@dataclass(frozen=True)
class ClassShares:
    """The classes' shares of images predicted right, of several things on the same n runs; or those of masks.

    Attributes:
        shares: by name, [n, C] in [0, 1]; nan for a class without images.
        images: [C] of each class, or its pixels.
        names: of the C classes.
        unit: what classes are of, `IMAGES` or `PIXELS`.
    """

    shares: Mapping[str, Floats]
    images: Floats
    names: tuple[str, ...]
    unit: str = IMAGES

    @property
    def counted(self) -> Floats:
        """[C]: the images that each share is of; 0 where pixels, which are not right or wrong by themselves."""
        return self.images if self.unit == IMAGES else np.zeros_like(self.images)


@dataclass(frozen=True)
class ClassEffect:
    """One class.

    Attributes:
        name: of the class.
        images: it is judged on, or pixels.
        accuracy: or intersection over union, under the thing itself, a mean over runs and its own 95 % interval.
        differences: paired, to each of the others; the intervals hold for all classes and others at once.
    """

    name: str
    images: int
    accuracy: Estimate
    differences: tuple[Paired, ...]

    @property
    def harm(self) -> Paired | None:
        """The largest clear loss; None where no difference is clearly below 0."""
        clear = [pair for pair in self.differences if pair.difference.high < 0]
        return min(clear, key=lambda pair: pair.difference.mean, default=None)

    @property
    def lowest(self) -> float:
        """The least of the differences; infinite where there is none."""
        return min((pair.difference.mean for pair in self.differences), default=math.inf)


@dataclass(frozen=True)
class ClassEffects:
    """What a thing does to every class.

    Attributes:
        name: of the thing.
        others: what it is compared with.
        runs: n, that all have in common.
        classes: in the order of their labels, without those that have no images.
        unit: of the shares.
    """

    name: str
    others: tuple[str, ...]
    runs: int
    classes: tuple[ClassEffect, ...]
    unit: str = IMAGES

    @property
    def harmed(self) -> tuple[ClassEffect, ...]:
        """The classes that are clearly worse under it than under one of the others, the worst first."""
        harmed = [(effect.harm.difference.mean, effect) for effect in self.classes if effect.harm is not None]
        return tuple(effect for _, effect in sorted(harmed, key=lambda pair: pair[0]))

    @property
    def detectable(self) -> float:
        """The median of the true differences that these runs show with 80 % power; nan where none is known."""
        values = [pair.detectable for effect in self.classes for pair in effect.differences]
        return median([value for value in values if not math.isnan(value)] or [math.nan])


def class_effects(name: str, others: Sequence[str], shares: ClassShares) -> ClassEffects:
    """Compare one thing with others, class by class.

    The differences are paired within runs. The deviation of one share, with what runs share taken out, is pooled over
    all K things of a class ((K - 1)(n - 1) degrees of freedom), and as things may differ in their own, the standard
    error of a pair is no smaller than the pair's own, nor than that of counts (`paired.count_error`). With C classes
    and M others C·M differences are looked at, so each interval has the level 1 - 0.05 / (C·M) (Bonferroni): where
    nothing differs, any class at all is called harmed, or helped, in at most 5 % of cases. Measured under the null: see
    tests/stats/test_class_effects.py.

    Args:
        name: the thing.
        others: what it is compared with, without itself; M names.
        shares: of all things that were run, these among them.

    Returns:
        Differences without intervals for one run.

    Example:
        >>> flip = np.array([[0.5, 0.9], [0.51, 0.91], [0.52, 0.9], [0.5, 0.89]])  # 4 runs, 2 classes
        >>> none = np.array([[0.9, 0.9], [0.92, 0.91], [0.91, 0.9], [0.9, 0.88]])
        >>> shares = ClassShares({"flip": flip, "none": none}, np.array([200.0, 200.0]), ("b", "o"))
        >>> effects = class_effects("flip", ["none"], shares)
        >>> [effect.name for effect in effects.harmed], round(effects.classes[0].differences[0].difference.mean, 3)
        (['b'], -0.4)
    """
    there = np.flatnonzero(shares.images > 0)
    tests = max(1, len(there) * len(others))
    classes = tuple(_effect(name, others, shares, int(k), tests) for k in there)
    return ClassEffects(name, tuple(others), len(shares.shares[name]), classes, shares.unit)


def _effect(name: str, others: Sequence[str], shares: ClassShares, k: int, tests: int) -> ClassEffect:
    values = {thing: of_thing[:, k] for thing, of_thing in shares.shares.items()}
    counted, ours = int(shares.counted[k]), values[name]
    deviation, freedom = residual_deviation(np.stack([*values.values()]))
    pairs = tuple(
        _pair(name, other, ours - values[other], deviation=deviation, freedom=freedom, images=counted, tests=tests)
        for other in others
    )
    return ClassEffect(shares.names[k], int(shares.images[k]), _accuracy(ours), pairs)


def _accuracy(shares: Floats) -> Estimate:
    """The mean of shares and its own 95 % t interval, ends in [0, 1]; without one for a single run."""
    error = float(standard_error(shares)) if len(shares) > 1 else math.nan
    return student(float(shares.mean()), error, len(shares)).of_share


def _pair(name: str, other: str, gaps: Floats, *, deviation: float, freedom: int, images: int, tests: int) -> Paired:
    n, mean = len(gaps), float(gaps.mean())
    error = 0.0
    if freedom:
        error = max(deviation * math.sqrt(2 / n), float(standard_error(gaps)), count_error(gaps, images))
    if error <= _ROUNDING:  # nothing varies at all, which is no proof
        return Paired(name, other, n, Estimate(mean, math.nan, math.nan), math.nan, math.nan)
    half = _factor(tests, freedom) * error
    seen = half + float(t_quantile(POWER, freedom)) * error
    return Paired(name, other, n, Estimate(mean, mean - half, mean + half), error, seen)


@lru_cache(maxsize=64)
def _factor(tests: int, freedom: int) -> float:
    """Standard errors that one of so many differences exceeds in 5 % of cases, at most."""
    return float(t_quantile(1 - (1 - LEVEL) / (2 * tests), freedom))
