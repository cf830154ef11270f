"""Thompson sampling that forgets, for rewards that drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, fewest_turns, untried
from policysearch.rules.posterior import drawn_noise, normal
from policysearch.rules.weighted_counts import discounted


@dataclass(frozen=True)
class DiscountedThompson(Rule):
    """Discounted Thompson sampling: each arm once, then the best of one draw from posteriors of discounted counts.

    n_i <- γ n_i + 1[arm i is pulled],  the sums of rewards alike      (Raj & Kalyani 2017, algorithm 1)

    The posterior of an arm that is not pulled widens back towards the prior, so that the arm is tried again. The paper
    has beta posteriors for 0/1 rewards; here they are the normal ones of `thompson`, in which arms share one deviation
    and are shrunk towards their centre, and with γ = 1 it is `thompson`. The paper proves no regret bound, but the
    chance of pulling a worse arm.

    Attributes:
        gamma: in (0, 1]; the last 1/(1 - γ) rewards count. It should be well above the number of arms.
        width: by which the posterior's deviations are multiplied, above 0; below 1 explores less.
    """

    gamma: float = 0.98
    width: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.gamma <= 1:
            raise UserError(f"discounted-thompson's gamma must lie in (0, 1], got {self.gamma}")
        if not 0 < self.width < float("inf"):
            raise UserError(f"discounted-thompson's width must be above 0, got {self.width}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if untried(history):
            return Choice(fewest_turns(history, rng))
        counts = discounted(history, self.gamma)
        centres, spreads = normal(counts, drawn_noise(counts, rng))
        draws = centres + self.width * spreads * rng.standard_normal(history.arms)
        forgotten = (counts.pulls == 0) & (history.pulls > 0) & (history.pending == 0)
        return Choice(argmax(np.where(forgotten, np.inf, draws), rng))
