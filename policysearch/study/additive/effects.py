"""What each level of each factor adds to a reward, with an interval, from the pulls of a search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from policysearch.policy.families import Value
from policysearch.stats.estimate import Estimate
from policysearch.study.additive.factors import Factors
from policysearch.study.additive.model import Fit, Observations, fit_of

_FREEDOM = 1.0
"""Degrees of freedom at least: fewer pulls than effects leave none, and intervals that are very wide."""

_UNKNOWN = Estimate(np.nan, np.nan, np.nan)


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
    fit = fit_of(observations, factors.sizes, most_pairs)
    quantile = float(stdtrit(max(fit.residual_freedom, _FREEDOM), 0.975))
    table: list[Effect] = []
    for f, (name, values) in enumerate(factors.choices.items()):
        differences = _differences(fit, f, quantile)
        counts = np.bincount(observations.levels[:, f][observations.levels[:, f] >= 0], minlength=len(values))
        for level in range(1, len(values)):
            difference = differences[level - 1] if counts[level] and counts[0] else _UNKNOWN
            table.append(Effect(name.partition(".")[2], values[level], values[0], difference, int(counts[level])))
    return table


def _differences(fit: Fit, factor: int, quantile: float) -> list[Estimate]:
    """[sizes[factor] - 1] the effects of one factor; nan for levels that no pull had."""
    of_factor = fit.columns_of(factor)
    pulled = fit.columns[:, of_factor].any(axis=0)
    columns = fit.columns[:, [0, *of_factor[pulled]]]

    solved = np.linalg.solve(fit.covariance_without(of_factor), columns)
    inverse = np.linalg.pinv(columns.T @ solved, hermitian=True)
    means = fit.scale * (inverse @ (solved.T @ fit.rewards))
    widths = fit.scale * quantile * np.sqrt(np.maximum(inverse.diagonal(), 0))

    differences = [_UNKNOWN] * len(of_factor)
    for place, mean, width in zip(np.flatnonzero(pulled), means[1:], widths[1:], strict=True):
        differences[place] = Estimate(float(mean), float(mean - width), float(mean + width))
    return differences
