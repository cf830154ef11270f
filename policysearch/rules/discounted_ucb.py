"""UCB that forgets gradually, for rewards that drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, fewest_turns, untried
from policysearch.rules.weighted_counts import discounted, upper_bounds


@dataclass(frozen=True)
class DiscountedUcb(Rule):
    """Discounted UCB: each arm once, then the largest upper bound of discounted counts.

    index_i = mean_i(γ) + c · s(γ) · sqrt(2 ln n(γ) / n_i(γ))      (Garivier & Moulines 2011, section 3.1)

    A reward that came k rewards ago weighs γ^k in the mean, in the deviation s within arms, and in n_i(γ), whose sum
    over the arms is n(γ). With γ = 1 it is `ucb`. The paper has 2·B·sqrt(ξ ln n/n_i) for rewards in [0, B], the same
    with B = c·s and ξ = 1/2; it bounds the regret over T pulls with Υ changes of the arms' means by
    O(sqrt(T Υ) ln T) for ξ above 1/2 and γ = 1 - sqrt(Υ/T)/(4B). With an s that is estimated no bound holds as stated.

    Attributes:
        gamma: in (0, 1]; the last 1/(1 - γ) rewards count. It should be well above the number of arms.
        c: exploration constant, 0 or more.
    """

    gamma: float = 0.98
    c: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.gamma <= 1:
            raise UserError(f"discounted-ucb's gamma must lie in (0, 1], got {self.gamma}")
        if not 0 <= self.c < float("inf"):
            raise UserError(f"discounted-ucb's c must be 0 or more, got {self.c}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if untried(history):
            return Choice(fewest_turns(history, rng))
        return Choice(argmax(upper_bounds(history, discounted(history, self.gamma), self.c), rng))
