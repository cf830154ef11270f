"""Exp3.S: exponential weights with shares for all arms, for rewards whose best arm changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.exp3 import drawn_by, scaled_to_unit
from policysearch.rules.history import Choice, History, Rule
from policysearch.stats.arrays import Floats

_LARGE = 1e100


@dataclass(frozen=True)
class Exp3S(Rule):
    """Exp3.S (Auer, Cesa-Bianchi, Freund & Schapire 2002, section 8).

    p_i = (1 - γ) · w_i/sum w + γ/K,  w_i <- w_i · exp(rate/K · x/p [arm i was pulled]) + e·α/K · sum w

    Every pull gives each arm a share of all weights, so that an arm that was bad comes back when it becomes good. x is
    the reward scaled to [0, 1] by the range of all rewards so far, p the probability with which its arm was drawn (1/K
    where it is not known), K the number of arms that are not abandoned.

    The paper has rate = γ and α = 1/T, and bounds the regret over T pulls against any sequence of arms that changes
    S - 1 times by 2.63 sqrt(K T (S ln(K T) + e)) with γ = sqrt(K (S ln(K T) + e)/(1.72 T)). The range is not known
    before, and rewards come late: no bound holds here.

    A pull that failed is done again first, while its arm has no reward, and counts as one draw.

    Attributes:
        gamma: share of pulls that explore evenly, in (0, 1].
        rate: of learning, above 0; 0 takes gamma.
        alpha: share of the weights that is spread over all arms, divided by e, in [0, 1]; 0 is 1/T with T the pulls of
            the search, or the pulls so far where that is not known.
    """

    gamma: float = 0.2
    rate: float = 0.0
    alpha: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.gamma <= 1:
            raise UserError(f"exp3s's gamma must lie in (0, 1], got {self.gamma}")
        if not 0 <= self.rate < float("inf"):
            raise UserError(f"exp3s's rate must be 0 or more, got {self.rate}")
        if not 0 <= self.alpha <= 1:
            raise UserError(f"exp3s's alpha must lie in [0, 1], got {self.alpha}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        return drawn_by(self.chances(history), history, rng)

    def chances(self, history: History) -> Floats:
        """[K] probabilities of the next pull; 0 for abandoned arms."""
        candidates = history.candidates
        weights = np.zeros(history.arms)
        weights[candidates] = self._weights(history)
        chances = (1 - self.gamma) * weights / weights.sum()
        chances[candidates] += self.gamma / len(candidates)
        return np.asarray(chances)

    def _weights(self, history: History) -> Floats:
        """[candidates] up to a factor; `common` is a part that all have alike, so that a pull is one step."""
        log, arms = history.log, len(history.candidates)
        place = np.full(history.arms, -1)
        place[history.candidates] = np.arange(arms)
        drawn = np.where(np.isnan(log.probabilities), 1 / arms, log.probabilities)
        factors = np.exp(np.minimum((self.rate or self.gamma) / arms * scaled_to_unit(log.rewards) / drawn, 200.0))
        share = np.e * (self.alpha or 1 / max(history.budget, len(log.arms), 1))

        apart, common, total = np.ones(arms), 0.0, float(arms)
        for arm, factor in zip(place[log.arms].tolist(), factors.tolist(), strict=True):
            before = apart[arm] + common
            apart[arm] += before * (factor - 1)
            common += share / arms * total
            total += before * (factor - 1) + share * total
            if total > _LARGE:
                apart, common, total = apart / total, common / total, 1.0
        return np.maximum(apart + common, 0.0)
