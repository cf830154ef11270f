"""What a bandit rule sees and what it answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Choice", "History", "Rule", "Tally", "argmax", "least_started"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """The arm to pull next, an index, and how much training the pull buys (0, the only fidelity yet)."""

    arm: int
    fidelity: int = 0


@dataclass(frozen=True)
class History:
    """Everything a rule may know, one entry an arm, all arrays [K] float64.

    Attributes:
        pulls: finished pulls with a reward.
        sums, squares: sums of their rewards and of the squared rewards.
        pending: pulls under way.
        failures: pulls that ended without a reward.
    """

    pulls: Floats
    sums: Floats
    squares: Floats
    pending: Floats
    failures: Floats

    @property
    def arms(self) -> int:
        return len(self.pulls)

    @property
    def started(self) -> Floats:
        """Pulls of every state."""
        return self.pulls + self.pending + self.failures

    @property
    def means(self) -> Floats:
        """Mean reward, -inf for an arm that has none."""
        return np.where(self.pulls > 0, self.sums / np.maximum(self.pulls, 1), -np.inf)

    @property
    def deviation(self) -> float:
        """The pooled deviation of rewards within arms: sqrt(sum_i SS_i / sum_i (n_i - 1)).

        While no arm has two rewards, the deviation of all rewards together; 0 with fewer than two.
        """
        freedom = np.maximum(self.pulls - 1, 0).sum()
        if freedom:
            within = self.squares - self.sums**2 / np.maximum(self.pulls, 1)
            return float(np.sqrt(max(within.sum(), 0.0) / freedom))
        total = self.pulls.sum()
        if total < 2:
            return 0.0
        return float(np.sqrt(max(self.squares.sum() - self.sums.sum() ** 2 / total, 0.0) / (total - 1)))


class Rule(Protocol):
    """A bandit algorithm: a pure function of a history and a generator."""

    def choose(self, history: History, rng: np.random.Generator) -> Choice: ...


class Tally:
    """Counts by arm key that grow pull by pull and are handed to rules as a `History`."""

    def __init__(self) -> None:
        self._counts: dict[str, Floats] = defaultdict(lambda: np.zeros(5))

    def start(self, key: str) -> None:
        self._counts[key][3] += 1

    def finish(self, key: str, reward: float | None) -> None:
        """A pull has ended; `reward` None if it failed."""
        self._counts[key][3] -= 1
        if reward is None:
            self._counts[key][4] += 1
        else:
            self._counts[key][:3] += (1, reward, reward**2)

    def started(self, key: str) -> int:
        """Pulls of every state of one arm."""
        return int(self._counts[key][[0, 3, 4]].sum())

    def best(self) -> tuple[str, float] | None:
        """The key and mean of the arm with the best mean so far."""
        means = {key: c[1] / c[0] for key, c in self._counts.items() if c[0]}
        return max(means.items(), key=lambda item: item[1]) if means else None

    def history(self, keys: Sequence[str]) -> History:
        """The counts of these arms, in this order."""
        return History(*np.array([self._counts[key] for key in keys]).T)


def argmax(values: Floats, rng: np.random.Generator) -> int:
    """The index of the largest of values [K]; ties break at random."""
    return int(rng.choice(np.flatnonzero(values == values.max())))


def least_started(history: History, rng: np.random.Generator) -> int:
    """An arm with the fewest pulls of every state, ties at random."""
    return argmax(-history.started, rng)
