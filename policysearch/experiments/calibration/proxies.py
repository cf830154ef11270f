"""How well cheap pulls pick: regret of the pick and rank correlation with the truth, with bootstrap intervals.

K arms, J replicates of a cheap pull, B draws. A replicate is shared by all arms (same seed, same images), so replicates
are resampled for all arms at once, which keeps the pairing; arms are not resampled: everything is said of these arms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from policysearch.experiments.calibration.truth import Truth
from policysearch.stats.arrays import Floats
from policysearch.stats.ranks import spearman, spearman_inside

LEVEL = 0.95
_Z = 1.959963984540054
_NEARLY_ONE = 0.999


@dataclass(frozen=True)
class Estimated:
    """A number with its 95 % interval and standard error; nan where unknown."""

    value: float
    low: float
    high: float
    error: float

    @staticmethod
    def of_draws(draws: Floats) -> Estimated:
        """The mean of bootstrap draws [B], their percentiles, their deviation."""
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return Estimated(float(draws.mean()), float(low), float(high), float(draws.std()))


def regret(truth: Floats, scores: Floats) -> Floats:
    """The best arm's true mean minus that of the arm with the highest score; arms that tie there share the pick.

    Args:
        truth, scores: [..., K], broadcast against each other.
    """
    top = scores >= scores.max(-1, keepdims=True)
    return np.asarray(truth.max(-1) - (truth * top).sum(-1) / top.sum(-1))


@dataclass(frozen=True)
class Bootstrap:
    """B draws that all proxies of a comparison share, so that their regrets may be subtracted draw by draw.

    Attributes:
        truth: [B, K] possible true means.
        remeasured: [B, K] means that the long trainings might have given.
        seed: of the replicates drawn; proxies with as many replicates get the same.
    """

    truth: Floats
    remeasured: Floats
    seed: int

    @staticmethod
    def of(truth: Truth, draws: int = 2000, seed: int = 0) -> Bootstrap:
        """Draws by `seed` alone."""
        rng = np.random.default_rng([seed, 11])
        return Bootstrap(truth.draws(draws, rng), truth.remeasured(draws, rng), seed)

    def replicates(self, count: int) -> NDArray[np.int64]:
        """[B, J] replicates drawn with replacement out of J."""
        return np.random.default_rng([self.seed, 12, count]).integers(count, size=(len(self.truth), count))


def resampled(values: Floats, replicates: NDArray[np.int64]) -> Floats:
    """[B, K] means over resampled replicates.

    Their distance from the mean is stretched by sqrt(J/(J - 1)): J values resampled vary too little by that factor
    (Rao and Wu 1988), which for three replicates is a fifth. A single replicate is not resampled.

    Args:
        values: [K, J] one number per arm and replicate.
        replicates: [B, J].
    """
    count = values.shape[1]
    means = values.mean(1)
    if count == 1:
        return np.broadcast_to(means, (len(replicates), len(means)))
    drawn = np.zeros((len(replicates), count))
    for column in replicates.T:
        drawn[np.arange(len(drawn)), column] += 1 / count
    return np.asarray(means + np.sqrt(count / (count - 1)) * (drawn @ values.T - means))


@dataclass(frozen=True)
class Proxy:
    """How one cheap pull, judged by one reward, picks among K arms.

    Regrets are expected ones, in units of the truth. Their values are means over the bootstrap: for each draw of
    replicates and of a possible truth, the pick's regret. Their intervals are the percentiles of those, and mean: if
    these arms were calibrated again and again, with as many replicates, 95 of 100 such intervals would hold the
    regret that picks by such pulls have on average. They say nothing of other arms. Measured on simulated tables of 12
    and 35 arms, 88 to 96 of 100 do; the value is too large by 0.001 to 0.003 where arms lie 0.004 to 0.012 apart, the
    deviation of a long training being 0.006: pessimistic, and alike for all proxies, so that differences are less so.

    Attributes:
        replicates: J.
        pick: index of the arm with the best cheap mean.
        observed: its regret by the long trainings' means as they are.
        one: expected regret of a pick after one pull per arm.
        all: expected regret of a pick by the means of all J replicates.
        spearman: of the cheap means with those of long training, both as measured; interval z ± 1.96 s on Fisher's
            scale, s over the bootstrap. It is for that correlation, of means of so many replicates, and holds it in 88
            to 94 % of simulated tables. It is not for the correlation of the true means, which luck in either makes
            look smaller: that it holds in 41 to 70 % only.
        inside: the mean of the families' own, weighted by their arms; nan where no family has three.
        draws: [B] regrets behind `all`.
    """

    replicates: int
    pick: int
    observed: float
    one: Estimated
    all: Estimated
    spearman: Estimated
    inside: Estimated
    draws: Floats = field(repr=False, compare=False)


def judge_proxy(scores: Floats, truth: Truth, bootstrap: Bootstrap, families: Sequence[str]) -> Proxy:
    """Judge cheap rewards against the truth.

    Args:
        scores: [K, J] cheap rewards, without gaps.
        truth: long trainings of the same K arms.
        bootstrap: drawn from that truth; the same for all proxies that are compared.
        families: [K] the family of each arm.
    """
    picked = bootstrap.replicates(scores.shape[1])
    means, again = scores.mean(1), resampled(scores, picked)
    single = np.stack([regret(bootstrap.truth, column) for column in scores.T], 1)
    draws = regret(bootstrap.truth, again)
    return Proxy(
        scores.shape[1],
        int(means.argmax()),
        float(regret(truth.means, means)),
        Estimated.of_draws(np.take_along_axis(single, picked, 1).mean(1)),
        Estimated.of_draws(draws),
        _correlation(spearman(means, truth.means), spearman(again, bootstrap.remeasured)),
        _correlation(
            spearman_inside(means, truth.means, families), spearman_inside(again, bootstrap.remeasured, families)
        ),
        draws,
    )


def _correlation(value: Floats, draws: Floats) -> Estimated:
    finite = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(finite) < 2:
        return Estimated(float(value), float("nan"), float("nan"), float("nan"))
    z, spread = _fisher(value), _fisher(finite).std()
    low, high = np.tanh([z - _Z * spread, z + _Z * spread])
    return Estimated(float(value), float(low), float(high), float(finite.std()))


def _fisher(r: Floats) -> Floats:
    return np.asarray(np.arctanh(np.clip(r, -_NEARLY_ONE, _NEARLY_ONE)))
