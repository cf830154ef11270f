"""UCB1 on the scale of the rewards' own noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, fewest_turns, untried


@dataclass(frozen=True)
class Ucb(Rule):
    """Algorithm 3 of Yao's slides: each arm once, then the largest upper bound.

    index_i = mean_i + c · s · sqrt(2 ln t / n_i)     (UCB1, Auer, Cesa-Bianchi & Fischer 2002, figure 1)

    with s the pooled deviation within arms in place of the range of the rewards, t the pulls of all arms
    and n_i those of arm i, pending and pruned ones counted in both. UCB1's regret bound assumes rewards in [0, 1]
    and c·s = 1; with an estimated s and delayed rewards it does not hold as stated.

    Attributes:
        c: exploration constant, 0 or more; 0 is greedy after one pull each.
    """

    c: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.c < float("inf"):
            raise UserError(f"ucb's c must be 0 or more, got {self.c}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if untried(history):
            return Choice(fewest_turns(history, rng))
        n = history.taken
        bonus = self.c * history.deviation * np.sqrt(2 * np.log(n.sum()) / np.maximum(n, 1))
        return Choice(argmax(history.means + bonus, rng))
