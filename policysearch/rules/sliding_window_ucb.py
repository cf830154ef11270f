"""UCB that knows only the last pulls, for rewards that change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, fewest_turns, untried
from policysearch.rules.weighted_counts import upper_bounds, windowed


@dataclass(frozen=True)
class SlidingWindowUcb(Rule):
    """Sliding-window UCB: each arm once, then the largest upper bound of the last `window` rewards.

    index_i = mean_i + c · s · sqrt(2 ln min(t, window) / n_i)      (Garivier & Moulines 2011, section 3.2)

    Means, the deviation s within arms and the counts n_i are those of the window; an arm that has left it is pulled
    next. With a window of all rewards it is `ucb`. The paper has B·sqrt(ξ ln min(t, τ)/n_i) for rewards in [0, B]; it
    bounds the regret by O(sqrt(T Υ ln T)) for ξ above 1/2 and τ = 2B·sqrt(T ln T/Υ). With an s that is estimated no
    bound holds as stated.

    Attributes:
        window: how many rewards are remembered, 1 or more. Well above the number of arms: below it, arms take turns.
        c: exploration constant, 0 or more.
    """

    window: float = 50
    c: float = 1.0

    def __post_init__(self) -> None:
        if not (self.window >= 1 and self.window == self.window // 1):
            raise UserError(f"sliding-window-ucb's window must be a whole number, 1 or more, got {self.window}")
        if not 0 <= self.c < float("inf"):
            raise UserError(f"sliding-window-ucb's c must be 0 or more, got {self.c}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if untried(history):
            return Choice(fewest_turns(history, rng))
        return Choice(argmax(upper_bounds(history, windowed(history, int(self.window)), self.c), rng))
