"""Exp3: exponential weights, for rewards that may drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, least_failed
from policysearch.stats.arrays import Floats


@dataclass(frozen=True)
class Exp3(Rule):
    """Exp3 (Auer, Cesa-Bianchi, Freund & Schapire 2002, section 3).

    p_i = (1 - gamma) · w_i/sum w + gamma/K,  w_i = exp(rate/K · sum_t decay^(T - t) · x_t/p_t over the pulls of arm i)

    x_t is the reward scaled to [0, 1] by the range of all rewards so far, p_t the probability with which its arm was
    drawn (1/K where it is not known), K the number of arms that are not abandoned.

    The paper has rate = gamma and decay 1, and a regret of at most 2.63 sqrt(T K ln K) against any rewards in [0, 1]
    if gamma = sqrt(K ln K/(1.72 T)). That is more than T for K = 32 and T below 770, the range is not known before,
    and rewards come late: no bound holds here. It is for rewards that drift (a network that trains on while its policy
    is chosen), not for the best arm.

    A pull that failed is done again first, while its arm has no reward, and counts as one draw.

    Attributes:
        gamma: share of pulls that explore evenly, in (0, 1].
        rate: of learning, above 0; 0 takes gamma.
        decay: by which older pulls weigh less, in (0, 1]: the last 1/(1 - decay) or so count.
    """

    gamma: float = 0.2
    rate: float = 0.0
    decay: float = 1.0

    def __post_init__(self) -> None:
        for name in ("gamma", "decay"):
            if not 0 < getattr(self, name) <= 1:
                raise UserError(f"exp3's {name} must lie in (0, 1], got {getattr(self, name)}")
        if not 0 <= self.rate < float("inf"):
            raise UserError(f"exp3's rate must be 0 or more, got {self.rate}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        return drawn_by(self.chances(history), history, rng)

    def chances(self, history: History) -> Floats:
        """[K] probabilities of the next pull; 0 for abandoned arms."""
        log = history.log
        drawn_from = np.isin(np.arange(history.arms), history.candidates)
        arms = int(drawn_from.sum())
        drawn = np.where(np.isnan(log.probabilities), 1 / arms, log.probabilities)
        age = np.arange(len(log.arms))[::-1]
        gains = np.bincount(log.arms, self.decay**age * scaled_to_unit(log.rewards) / drawn, history.arms)
        weights = drawn_from * np.exp((self.rate or self.gamma) / arms * (gains - gains.max()))
        return np.asarray((1 - self.gamma) * weights / weights.sum() + drawn_from * self.gamma / arms)


def drawn_by(chances: Floats, history: History, rng: np.random.Generator) -> Choice:
    """An arm drawn by its chance; a pull that failed is done again first, while its arm has no reward.

    Args:
        chances: [K] that sum to 1.
        history: whose arms they are.
        rng: draws.
    """
    if len(history.to_repeat):
        arm = least_failed(history, rng)
        return Choice(arm, probability=float(chances[arm]))

    last = np.flatnonzero(chances)[-1]
    arm = int(min(np.searchsorted(np.cumsum(chances), rng.random(), side="right"), last))
    return Choice(arm, probability=float(chances[arm]))


def scaled_to_unit(rewards: Floats) -> Floats:
    """To [0, 1] by their range; zeros while they are all the same."""
    if not len(rewards) or rewards.min() == rewards.max():
        return np.zeros(len(rewards))
    return np.asarray((rewards - rewards.min()) / (rewards.max() - rewards.min()))
