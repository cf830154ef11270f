"""A Bayesian linear model of a reward: what each level of each factor adds, and few pairs of factors together."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policysearch.stats.arrays import Floats
from policysearch.study.additive.design import contrasts

Pair = tuple[int, int]
_INTERCEPT, _MAIN, _REPLICATE, _PAIR = _GROUPS = range(4)
_STEPS = 60
_CONVERGED = 1e-4
"""Relative change of the noise's variance at which its iteration ends."""
_FLOOR = 1e-4
"""Least share of the rewards' variance that noise, or a group of effects, may have."""
_ODDS = 3.0
"""What the log evidence must gain, beyond the logarithm of the number of pairs, before a pair is taken in."""


@dataclass(frozen=True)
class Observations:
    """Pulls with a reward.

    Attributes:
        levels: [N, F] int64, of each factor; -1 where it has no say.
        replicates: [N] int64.
        rewards: [N] float64.
    """

    levels: NDArray[np.int64]
    replicates: NDArray[np.int64]
    rewards: Floats


@dataclass(frozen=True)
class AdditiveModel:
    """The posterior of the effects, given the variances that the evidence chose (empirical Bayes).

    reward = intercept + sum_f effect(f, level) + sum over some pairs of factors of effect(levels) + replicate + noise

    The first level of a factor adds nothing, so that an effect is what a level adds to it; the others are
    N(0, variance of main effects). Pairs are taken in one after the other, each the one that raises the log evidence
    most, as long as it gains more than log(number of pairs) + 3: few can be real, and most would be luck.
    MacKay 1992, "Bayesian interpolation", section 3, for the variances, by expectation and maximisation.

    Attributes:
        sizes: [F] levels of each factor.
        pairs: of factors whose interaction is in the model.
        centre: which was taken from the rewards.
        mean: [D] posterior mean of the effects: main effects, then those of the pairs.
        covariance: [D, D] of the effects.
        noise: deviation of a pull about the model.
        replicates: deviation of the replicates' own effects.
    """

    sizes: tuple[int, ...]
    pairs: tuple[Pair, ...]
    centre: float
    mean: Floats
    covariance: Floats
    noise: float
    replicates: float

    def columns(self, levels: NDArray[np.int64]) -> Floats:
        """[N, D] the columns of assignments [N, F], an intercept first."""
        return _columns(levels, self.sizes, self.pairs)

    def predict(self, levels: NDArray[np.int64]) -> Floats:
        """[N] the mean reward of assignments [N, F] on an average replicate."""
        return np.asarray(self.centre + self.columns(levels) @ self.mean)

    def draw(self, rng: np.random.Generator) -> Floats:
        """[D] effects drawn from the posterior, for Thompson sampling."""
        values, vectors = np.linalg.eigh(self.covariance)
        scaled = vectors * np.sqrt(np.maximum(values, 0))
        return np.asarray(self.mean + scaled @ rng.standard_normal(len(self.mean)))


def fitted(observations: Observations, sizes: Sequence[int], most_pairs: int) -> AdditiveModel:
    """The model of some pulls; the arguments are those of `fit_of`."""
    return fit_of(observations, sizes, most_pairs).model()


def fit_of(observations: Observations, sizes: Sequence[int], most_pairs: int) -> Fit:
    """The fit to some pulls, with the pairs of factors that the evidence asks for.

    Args:
        observations: two or more.
        sizes: [F] levels of each factor.
        most_pairs: pairs of factors that it may hold.
    """
    pairs: tuple[Pair, ...] = ()
    fit = Fit.of(observations, sizes, pairs)
    candidates = list(itertools.combinations(range(len(sizes)), 2)) if most_pairs else []
    while candidates and len(pairs) < most_pairs:
        gains = fit.gains({pair: _pair_columns(observations.levels, sizes, pair) for pair in candidates})
        best = max(candidates, key=gains.__getitem__)
        if gains[best] < _ODDS + np.log(len(candidates)):
            break
        pairs = (*pairs, best)
        candidates.remove(best)
        fit = Fit.of(observations, sizes, pairs)
    return fit


@dataclass(frozen=True)
class Fit:
    """A linear model whose groups of columns have variances that maximise the evidence.

    Attributes:
        sizes: [F] levels of each factor.
        pairs: of factors whose interaction is in the model.
        columns: [N, P], the replicates' among them.
        groups: [P] the group of each column: intercept, main effects, replicates or pairs.
        variances: of the groups, of the rewards' variance.
        noise: variance of the noise, of the same.
        rewards: [N] less their mean, by their deviation.
        centre, scale: which were taken from them.
    """

    sizes: tuple[int, ...]
    pairs: tuple[Pair, ...]
    columns: Floats
    groups: NDArray[np.int64]
    variances: Floats
    noise: float
    rewards: Floats
    centre: float
    scale: float

    @classmethod
    def of(cls, observations: Observations, sizes: Sequence[int], pairs: Sequence[Pair]) -> Fit:
        """The fit of these pairs, its variances found by expectation and maximisation."""
        effects = _columns(observations.levels, sizes, pairs)
        numbers, index = np.unique(observations.replicates, return_inverse=True)
        columns = np.hstack([effects, np.eye(len(numbers))[index]])
        main = 1 + sum(size - 1 for size in sizes)
        groups = np.repeat([_INTERCEPT, _MAIN, _PAIR, _REPLICATE], [1, main - 1, effects.shape[1] - main, len(numbers)])

        rewards = observations.rewards
        centre, scale = float(rewards.mean()), float(rewards.std()) or 1.0
        y = (rewards - centre) / scale
        variances, noise = np.array([1.0, 0.1, 0.1, 0.1]), 0.5
        for _ in range(_STEPS):
            mean, covariance = _posterior(columns, groups, variances, noise, y)
            seconds = mean**2 + covariance.diagonal()
            variances = np.array(
                [max(seconds[groups == g].mean(), _FLOOR) if (groups == g).any() else 0.1 for g in _GROUPS]
            )
            residual = y - columns @ mean
            spread = float(((columns @ covariance) * columns).sum())
            before, noise = noise, max((float(residual @ residual) + spread) / len(y), _FLOOR)
            if abs(noise - before) < _CONVERGED * before:
                break
        return cls(tuple(sizes), tuple(pairs), columns, groups, variances, noise, y, centre, scale)

    def gains(self, further: Mapping[Pair, Floats]) -> dict[Pair, float]:
        """What further columns [N, Q], with the variance of main effects, add to the log evidence, for each pair."""
        variances = self.variances[self.groups]
        evidence = _log_evidence(self.columns, variances, self.noise, self.rewards)
        return {
            pair: _log_evidence(
                np.hstack([self.columns, columns]),
                np.append(variances, np.full(columns.shape[1], self.variances[_MAIN])),
                self.noise,
                self.rewards,
            )
            - evidence
            for pair, columns in further.items()
        }

    def columns_of(self, factor: int) -> NDArray[np.int64]:
        """The indices of a factor's main effects among the columns."""
        first = 1 + sum(size - 1 for size in self.sizes[:factor])
        return np.arange(first, first + self.sizes[factor] - 1)

    def rewards_of(self, factor: int) -> Floats:
        """[N] the rewards less what the model gives to all other factors, to pairs and to replicates."""
        mean, _ = _posterior(self.columns, self.groups, self.variances, self.noise, self.rewards)
        mean[[0, *self.columns_of(factor)]] = 0
        return np.asarray(self.centre + self.scale * (self.rewards - self.columns @ mean))

    def covariance_without(self, effects: NDArray[np.int64]) -> Floats:
        """[N, N] of the rewards, the effects of some columns (indices) and the intercept taken as fixed."""
        others = np.ones(self.columns.shape[1], bool)
        others[[0, *effects]] = False
        columns = self.columns[:, others]
        weighted = columns * self.variances[self.groups[others]]
        return np.asarray(weighted @ columns.T + self.noise * np.eye(len(self.rewards)))

    @property
    def residual_freedom(self) -> float:
        """Pulls less the trace of the matrix that maps rewards to fitted ones."""
        _, covariance = _posterior(self.columns, self.groups, self.variances, self.noise, self.rewards)
        return float(len(self.rewards) - ((self.columns @ covariance) * self.columns).sum() / self.noise)

    def model(self) -> AdditiveModel:
        """The posterior, in the unit of the rewards."""
        mean, covariance = _posterior(self.columns, self.groups, self.variances, self.noise, self.rewards)
        ours = np.flatnonzero(self.groups != _REPLICATE)
        return AdditiveModel(
            self.sizes,
            self.pairs,
            self.centre,
            self.scale * mean[ours],
            self.scale**2 * covariance[np.ix_(ours, ours)],
            self.scale * float(np.sqrt(self.noise)),
            self.scale * float(np.sqrt(self.variances[_REPLICATE])),
        )


def _posterior(
    columns: Floats, groups: NDArray[np.int64], variances: Floats, noise: float, rewards: Floats
) -> tuple[Floats, Floats]:
    """[P] mean and [P, P] covariance of the effects."""
    precision = columns.T @ columns / noise + np.diag(1 / variances[groups])
    covariance = np.linalg.inv(precision)
    return np.asarray(covariance @ columns.T @ rewards / noise), np.asarray(covariance)


def _log_evidence(columns: Floats, variances: Floats, noise: float, rewards: Floats) -> float:
    """log N(rewards; 0, columns · variances · columns^T + noise), without its constant.

    By the matrix determinant lemma and Woodbury's identity, since long searches have fewer columns P than pulls N:
    N·P² + P³ operations in place of N³.
    """
    precision = columns.T @ columns / noise + np.diag(1 / variances)
    factor = np.linalg.cholesky(precision)
    solved = np.linalg.solve(factor, columns.T @ rewards / noise)
    log_determinant = 2 * np.log(factor.diagonal()).sum() + np.log(variances).sum() + len(rewards) * np.log(noise)
    return float(-0.5 * (rewards @ rewards / noise - solved @ solved) - 0.5 * log_determinant)


def _columns(levels: NDArray[np.int64], sizes: Sequence[int], pairs: Sequence[Pair]) -> Floats:
    """[N, D] an intercept, the main effects and those of the pairs."""
    return np.hstack([contrasts(levels, sizes), *(_pair_columns(levels, sizes, pair) for pair in pairs)])


def _pair_columns(levels: NDArray[np.int64], sizes: Sequence[int], pair: Pair) -> Floats:
    """[N, (sizes - 1) of one times (sizes - 1) of the other] a column for each two levels beyond the first."""
    first, second = (levels[:, [f]] == np.arange(1, sizes[f]) for f in pair)
    return np.asarray((first[:, :, None] & second[:, None, :]).reshape(len(levels), -1), np.float64)
