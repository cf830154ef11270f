"""Greedy: explore, then commit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, fewest_turns


@dataclass(frozen=True)
class Greedy(Rule):
    """Algorithm 1 of Yao's slides: the first c·K pulls explore, the rest go to the best mean.

    Exploring takes an arm at random among those with the fewest turns, so that each has probability 1/K as in the
    algorithm but none is left out. It ends when the arms have had c·K turns, of which ceil(c) count for each arm at
    most: many pulls of one arm do not explore the others. With rewards of variance s², committing wrongly has a
    probability that falls as exp(-c·gap²/(4 s²)): gaps below s/sqrt(c) are not resolved.

    Attributes:
        c: pulls of each arm before committing, above 0.
    """

    c: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.c < float("inf"):
            raise UserError(f"greedy's c must be above 0, got {self.c}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if self._exploring(history) or not history.pulls.any():
            return Choice(fewest_turns(history, rng))
        return Choice(argmax(history.means, rng))

    def _exploring(self, history: History) -> bool:
        share = np.ceil(self.c)
        turns = np.where(history.abandoned, share, np.minimum(history.turns, share))
        return bool(turns.sum() < self.c * history.arms)
