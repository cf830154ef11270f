"""What each level of each factor adds to a reward, with an interval, from the pulls of a search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from policysearch.policy.families import Value
from policysearch.stats.arrays import Floats
from policysearch.stats.estimate import Estimate
from policysearch.study.additive.factors import Factors
from policysearch.study.additive.model import Fit, Observations, fitted

_FREEDOM = 1.0
"""Degrees of freedom at least: fewer pulls than effects leave none, and intervals that are very wide."""


@dataclass(frozen=True)
class Effect:
    """What a level adds to the reward in place of the first level of its factor.

    Attributes:
        factor: without its family.
        level: the value.
        reference: the first value of the factor.
        difference: in the reward's unit, with its 95 % interval; nan where the level, or the reference, was not pulled.
        pulls: with a reward that had the level.
    """

    factor: str
    level: Value
    reference: Value
    difference: Estimate
    pulls: int


def effects(observations: Observations, factors: Factors, most_pairs: int) -> list[Effect]:
    """The effects of all levels, factor by factor.

    Each factor's own effects are estimated without a prior, by generalised least squares, in a model in which all
    others (the other factors', the pairs' and the replicates') are random with the variances that the evidence chose
    (Henderson 1975): so the estimates of a factor are not shrunk, and their intervals cover as often as they say,
    whether it matters or not. The t quantile is that of the residual degrees of freedom, the number of pulls less the
    trace of the matrix that maps rewards to fitted ones.

    Args:
        observations: two pulls or more.
        factors: of the space.
        most_pairs: of factors whose interaction the model may hold.
    """
    pairs = fitted(observations, factors.sizes, most_pairs).pairs
    fit = Fit.of(observations, factors.sizes, pairs)
    table: list[Effect] = []
    for f, (name, values) in enumerate(factors.choices.items()):
        differences = _differences(fit, f, factors.sizes)
        counts = np.bincount(observations.levels[:, f][observations.levels[:, f] >= 0], minlength=len(values))
        for level in range(1, len(values)):
            measured = counts[level] and counts[0]
            difference = differences[level - 1] if measured else Estimate(np.nan, np.nan, np.nan)
            short = name.partition(".")[2]
            table.append(Effect(short, values[level], values[0], difference, int(counts[level])))
    return table


def _differences(fit: Fit, factor: int, sizes: tuple[int, ...]) -> list[Estimate]:
    """[sizes[factor] - 1] the effects of one factor."""
    first = 1 + sum(size - 1 for size in sizes[:factor])
    of_factor = np.arange(first, first + sizes[factor] - 1)
    columns = fit.columns[:, [0, *of_factor]]
    present: NDArray[np.bool_] = np.asarray(columns.any(axis=0))
    covariance = fit.covariance_without(of_factor)

    solved = np.linalg.solve(covariance, columns[:, present])
    information = columns[:, present].T @ solved
    inverse = np.linalg.pinv(information, hermitian=True)
    means = inverse @ (solved.T @ fit.rewards)
    half = _quantile(fit) * np.sqrt(np.maximum(inverse.diagonal(), 0))

    places = iter(range(1, int(present.sum())))
    return [*_scaled(fit, means, half, present[1:], places)]


def _scaled(
    fit: Fit, means: Floats, half: Floats, present: NDArray[np.bool_], places: Iterator[int]
) -> Iterator[Estimate]:
    for there in present:
        if not there:
            yield Estimate(np.nan, np.nan, np.nan)
            continue
        i = next(places)
        mean, width = fit.scale * means[i], fit.scale * half[i]
        yield Estimate(float(mean), float(mean - width), float(mean + width))


def _quantile(fit: Fit) -> float:
    """Of t, two-sided 95 %, at the residual degrees of freedom."""
    return float(stdtrit(max(fit.residual_freedom, _FREEDOM), 0.975))
