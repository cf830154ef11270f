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
        """[K] upper bounds, less the mean of all rewards."""
        prior = self._kernel(features)
        centre = history.sums.sum() / max(history.pulls.sum(), 1)
        surprise = prior @ (history.sums - history.pulls * centre)
        means = surprise - _learnt(prior, history.pulls, surprise[:, None])
        variances = prior.diagonal() - _learnt(prior, history.pulls + history.pending, prior)
        widths = np.sqrt(np.maximum(variances, 0))
        return np.asarray(means + self.alpha * (noise(history) or 1.0) * widths)

    def _kernel(self, features: Floats) -> Floats:
        """X Xᵀ/ridge, [K, K]: all that the regression needs to know of the arms x."""
        linear = features @ features.T / max(features.shape[1], 1)
        return np.asarray((1 + (1 - self.own) * linear + self.own * np.eye(len(features))) / self.ridge)


def _learnt(prior: Floats, pulls: Floats, right: Floats) -> Floats:
    """The diagonal of V R (I + R V R)^-1 R B with R² = diag(pulls), V the prior and B the columns of right; [K].

    X A^-1 Xᵀ is V less this with B = V, and X theta needs one column only, taken for every arm: no A is built.
    """
    root = np.sqrt(pulls)
    seen = root[:, None] * prior
    solved = np.linalg.solve(np.eye(len(pulls)) + seen * root, root[:, None] * right)
    return np.asarray((seen * solved).sum(axis=0))
