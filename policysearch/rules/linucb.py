"""LinUCB: arms that are alike teach about each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Need, Rule, argmax, fewest_turns
from policysearch.rules.posterior import noise
from policysearch.stats.arrays import Floats


@dataclass(frozen=True)
class LinUcb(Rule):
    """The largest upper bound of a ridge regression on the arms' features (Li et al. 2010, algorithm 1).

    index_i = x_i·theta + alpha · s · sqrt(x_i·A^-1·x_i),  A = ridge·I + sum_j n_j x_j x_jᵀ,  theta = A^-1 b

    x_i = (1, sqrt((1 - own)/D)·features_i, sqrt(own)·e_i): an intercept, the D features, and a column of the arm's
    own, so that what the features do not explain is learnt too. b sums the rewards less their mean; s is the
    pooled deviation within arms, 1 before two rewards are known. Pulls under way count in the bound's A, not in
    theta's. No arm has to be tried first.

    The paper advises alpha = 1 + sqrt(ln(2/delta)/2) for a bound that holds with probability 1 - delta when rewards
    are linear in x, in [0, 1] and independent of earlier choices; none of the three is so here.

    Attributes:
        alpha: exploration constant, 0 or more; the default is about `ucb`'s sqrt(2 ln t), and below 2 the search
            too often settles on a wrong arm.
        ridge: how many pulls the prior is worth, above 0: (s/deviation of the arms' means)².
        own: share of the arms' variance that features do not explain, in [0, 1]; 0 is the paper's rule.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"features"})
    alpha: float = 3.0
    ridge: float = 1.0
    own: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise UserError(f"linucb's alpha must be 0 or more, got {self.alpha}")
        if not 0 < self.ridge < float("inf"):
            raise UserError(f"linucb's ridge must be above 0, got {self.ridge}")
        if not 0 <= self.own <= 1:
            raise UserError(f"linucb's own must lie in [0, 1], got {self.own}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if history.features is None:
            raise UserError("linucb needs features that describe the arms, got none")
        abandoned = history.abandoned
        if not history.started.any() or abandoned.all():
            return Choice(fewest_turns(history, rng))
        return Choice(argmax(np.where(abandoned, -np.inf, self.index(history, history.features)), rng))

    def index(self, history: History, features: Floats) -> Floats:
        """[K] upper bounds, less the mean of all rewards.

        The columns of the arms' own are integrated out: given theta of the intercept and the features, an arm's mean
        reward has the variance own/ridge + 1/n_i. So one system of D + 1 equations is solved for the means and one for
        the bounds, in O(K·D²), whatever the number of arms and of pulls.
        """
        shared = self._shared(features)
        left, weights = self._own_shares(history.pulls)
        centre = history.sums.sum() / max(history.pulls.sum(), 1)
        surprise = history.sums - history.pulls * centre
        theta = np.linalg.solve(self._information(shared, weights), shared.T @ (left * surprise))
        means = left * (shared @ theta) + (1 - left) * surprise / np.maximum(history.pulls, 1)

        left, weights = self._own_shares(history.taken)
        solved = np.linalg.solve(self._information(shared, weights), shared.T).T
        variances = self.own / self.ridge * left + left**2 * (shared * solved).sum(axis=1)
        widths = np.sqrt(np.maximum(variances, 0))
        return np.asarray(means + self.alpha * (noise(history) or 1.0) * widths)

    def _shared(self, features: Floats) -> Floats:
        """[K, D + 1] the intercept and the features, as they stand in x."""
        scale = np.sqrt((1 - self.own) / max(features.shape[1], 1))
        return np.hstack([np.ones((len(features), 1)), scale * features])

    def _own_shares(self, pulls: Floats) -> tuple[Floats, Floats]:
        """[K] both: the share of an arm's own column that its pulls leave open, and the weight of their mean reward."""
        left = self.ridge / (self.ridge + self.own * pulls)
        return left, left * pulls

    def _information(self, shared: Floats, weights: Floats) -> Floats:
        """[D + 1, D + 1] what A is once the arms' own columns are integrated out."""
        return np.asarray(self.ridge * np.eye(shared.shape[1]) + (shared.T * weights) @ shared)
