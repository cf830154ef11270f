"""Counts in which old rewards weigh less or nothing, for rewards that drift, and the bounds of rules on them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from policysearch.rules.history import Counts, History
from policysearch.stats.arrays import Floats


@dataclass(frozen=True, kw_only=True)
class WeightedCounts(Counts):
    """Counts whose rewards have weights in [0, 1]; with all weights 1 they are the history's own.

    Attributes:
        pulls, sums, squares: [K] sums of the weights, of weight times reward, and of weight times squared reward.
        norms: [K] sums of the squared weights.
        pending, failures, correct, judged, pruned: as in the history, unweighted.
    """

    norms: Floats

    @property
    def freedom(self) -> float:
        """sum_i (W_i - sum of w²/W_i), which is sum_i (n_i - 1) for weights of 1; 0 below one degree."""
        total = float((self.pulls - self.norms / np.maximum(self.pulls, 1e-300)).sum())
        return total if total > 1 - 1e-9 else 0.0

    @property
    def deviation(self) -> float:
        """As that of `Counts`, with weights: pooled within arms, or that of all rewards while `freedom` is 0."""
        pulls = np.maximum(self.pulls, 1e-300)
        if self.freedom:
            within = self.squares - self.sums**2 / pulls
            return float(np.sqrt(max(within.sum(), 0.0) / self.freedom))
        total = self.pulls.sum()
        freedom = total - self.norms.sum() / max(total, 1e-300)
        if freedom < 1e-9:
            return 0.0
        return float(np.sqrt(max(self.squares.sum() - self.sums.sum() ** 2 / total, 0.0) / freedom))

    @property
    def means(self) -> Floats:
        """[K] weighted mean rewards, -inf for an arm without any weight."""
        return np.where(self.pulls > 0, self.sums / np.maximum(self.pulls, 1e-300), -np.inf)


def discounted(history: History, gamma: float) -> WeightedCounts:
    """The history with weight gamma^age, age being how many rewards came later.

    Args:
        history: with its log.
        gamma: in (0, 1].
    """
    ages = np.arange(len(history.log.arms), dtype=np.float64)[::-1]
    return _weighted(history, np.asarray(gamma**ages))


def windowed(history: History, window: int) -> WeightedCounts:
    """The history of the last `window` rewards alone.

    Args:
        history: with its log.
        window: 1 or more.
    """
    ages = np.arange(len(history.log.arms))[::-1]
    return _weighted(history, (ages < window).astype(np.float64))


def _weighted(history: History, weights: Floats) -> WeightedCounts:
    arms, rewards = history.log.arms, history.log.rewards
    counts = {field.name: getattr(history, field.name) for field in fields(Counts)}
    sums = {
        "pulls": weights,
        "sums": weights * rewards,
        "squares": weights * rewards**2,
        "norms": weights**2,
    }
    return WeightedCounts(**counts | {name: np.bincount(arms, values, history.arms) for name, values in sums.items()})


def upper_bounds(history: History, weighted: WeightedCounts, c: float) -> Floats:
    """[K] mean_i + c · s · sqrt(2 ln n / n_i) of weighted counts, n_i pulls under way or pruned included, n their sum.

    An arm that has had rewards but has no weight left, and is not under way, has the bound inf: nothing is known of it.

    Args:
        history: all that has happened.
        weighted: the same, weighted.
        c: exploration constant, 0 or more.
    """
    n = weighted.taken
    weighed = weighted.pulls + weighted.pending > 0
    log = np.log(max(float(n.sum()), 1.0))
    bonus = c * weighted.deviation * np.sqrt(2 * log / np.where(weighed, n, 1.0))
    return np.where(weighed, weighted.means + bonus, np.where(history.pulls > 0, np.inf, -np.inf))
