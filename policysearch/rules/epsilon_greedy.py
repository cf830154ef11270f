"""ε-greedy, with a constant or a decaying ε."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, any_candidate, argmax, fewest_turns, least_failed


def _explore_or_best(epsilon: float, history: History, rng: np.random.Generator) -> Choice:
    if not history.pulls.any():
        return Choice(fewest_turns(history, rng))
    if len(history.to_repeat):
        return Choice(least_failed(history, rng))
    if rng.random() < epsilon:
        return Choice(any_candidate(history, rng))
    return Choice(argmax(history.means, rng))


@dataclass(frozen=True)
class EpsilonGreedy(Rule):
    """Algorithm 2 of Yao's slides: with probability ε an arm at random, else the best mean.

    A pull that failed is done again first, while its arm has no reward.

    Attributes:
        epsilon: in [0, 1]. Regret grows linearly for any ε above 0, since exploring never stops. Textbooks take 0.1,
            for the rewards on the way; a search wants the best arm at its end, and there 0.7 found better arms than
            0.3 on both recorded tables (results/2026-11-21_compare).
    """

    epsilon: float = 0.7

    def __post_init__(self) -> None:
        if not 0 <= self.epsilon <= 1:
            raise UserError(f"epsilon must lie in [0, 1], got {self.epsilon}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        return _explore_or_best(self.epsilon, history, rng)


@dataclass(frozen=True)
class DecayingEpsilonGreedy(Rule):
    """ε_t = min(1, rate·K/t) at pull t = 1, 2, ... (Auer, Cesa-Bianchi & Fischer 2002, figure 3).

    Their bound, of order log t, holds for rate at least 5/d² with rewards in [0, 1] and d the smallest
    gap; gaps here are near 0.01, so that no useful rate meets it.

    Attributes:
        rate: c/d² of the paper, above 0; every arm is explored about rate·(1 + ln(t/(rate·K))) times.
    """

    rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.rate < float("inf"):
            raise UserError(f"rate must be above 0, got {self.rate}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        t = history.started.sum() + 1
        return _explore_or_best(min(1.0, self.rate * history.arms / t), history, rng)
