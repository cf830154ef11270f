"""What long training says of the arms, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from policysearch.stats.arrays import Floats
from policysearch.stats.ranks import reliability
from policysearch.stats.shrinkage import shrink

RELIABLE = 0.7
"""Of long trainings of less reliability than this nothing is concluded."""


def additive(rewards: Floats) -> tuple[Floats, float]:
    """Means of the arms with what replicates share taken out, and the deviation that is left.

    Least squares for reward[k, j] = arm[k] + replicate[j]. Where every arm has every replicate, these are the plain
    means; where the best arms have further replicates, luck that these replicates brought to all is not theirs.

    Args:
        rewards: [K, R], nan where an arm has no such replicate; every arm has one.

    Returns:
        [K] means, and the deviation of one reward, what its replicate brought to all arms taken out; nan if every
        reward is needed for the means.
    """
    arm, replicate = np.nonzero(np.isfinite(rewards))
    arms, replicates = rewards.shape
    design = np.zeros((len(arm), arms + replicates))
    design[np.arange(len(arm)), arm] = design[np.arange(len(arm)), arms + replicate] = 1
    seen = rewards[arm, replicate]
    solution, _, rank, _ = np.linalg.lstsq(design, seen, rcond=None)
    freedom = len(seen) - int(rank)
    left = float(((seen - design @ solution) ** 2).sum())
    means = solution[:arms] + solution[arms:].mean()
    return means, float(np.sqrt(left / freedom)) if freedom else float("nan")


@dataclass(frozen=True)
class Truth:
    """Long trainings of K arms.

    The regret of a pick is measured against means that are noisy themselves: the best of noisy means is too good, and
    so every regret too large (the winner's curse), most where the arms are nearly equal. So the truth is not taken as
    known. By empirical Bayes (`policysearch.stats.shrinkage`) arm k's true mean is normal about its shrunken mean, and
    `draws` are possible truths. In simulations (tests/test_calibration_analysis.py) a 95 % interval over such draws
    holds the expected regret in 88 to 96 % of tables, one from resampled replicates of three in 76 to 90 %. With one
    replicate the deviation is unknown and the means are taken as they are.

    Attributes:
        rewards: [K, R] reward of each long training, nan where an arm has no such replicate.
    """

    rewards: Floats

    @cached_property
    def _fitted(self) -> tuple[Floats, float]:
        return additive(self.rewards)

    @property
    def means(self) -> Floats:
        """[K] means, what replicates share taken out."""
        return self._fitted[0]

    @property
    def deviation(self) -> float:
        """Of one long training, what replicates share taken out; nan with one replicate."""
        return self._fitted[1]

    @property
    def replicates(self) -> Floats:
        """[K] long trainings of each arm."""
        return np.asarray(np.isfinite(self.rewards).sum(1), dtype=np.float64)

    @cached_property
    def reliability(self) -> float:
        """Spearman-Brown corrected split-half correlation; no proxy can be seen to do better than about its root."""
        return reliability(self.rewards)

    @cached_property
    def apart(self) -> bool:
        """Whether the arms' means differ by more than luck explains; True where their luck is unknown."""
        means, errors = self._shrunken
        return bool(errors.any() or np.ptp(means) > 0 or np.isnan(self.deviation))

    @property
    def judges(self) -> bool:
        """Whether pulls can be judged by it: the arms are apart, and ranked alike by halves of their trainings.

        True where each arm was trained once, since nothing is known against it then.
        """
        return self.apart and not self.reliability <= RELIABLE

    @cached_property
    def _shrunken(self) -> tuple[Floats, Floats]:
        return shrink(self.means, self.replicates, np.nan_to_num(self.deviation))

    def draws(self, count: int, rng: np.random.Generator) -> Floats:
        """[count, K] possible true means."""
        noise = rng.standard_normal((count, len(self.rewards)))
        means, errors = self._shrunken
        return np.asarray(means + errors * noise)

    def remeasured(self, count: int, rng: np.random.Generator) -> Floats:
        """[count, K] means that as many long trainings might have given."""
        errors = np.nan_to_num(self.deviation) / np.sqrt(self.replicates)
        return np.asarray(self.means + errors * rng.standard_normal((count, len(self.rewards))))
