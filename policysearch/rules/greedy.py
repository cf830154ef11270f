"""Greedy: explore, then commit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, least_started


@dataclass(frozen=True)
class Greedy(Rule):
    """Algorithm 1 of Yao's slides: the first c·K pulls explore, the rest go to the best mean.

    Exploring takes an arm at random among those with the fewest pulls, so that each has probability 1/K
    as in the algorithm but none is left out. With rewards of variance s², committing wrongly has a
    probability that falls as exp(-c·gap²/(4 s²)): gaps below s/sqrt(c) are not resolved.

    Attributes:
        c: pulls of each arm before committing, above 0.
    """

    c: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.c < float("inf"):
            raise UserError(f"greedy's c must be above 0, got {self.c}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        exploring = history.started.sum() < self.c * history.arms
        if exploring or not history.pulls.any():
            return Choice(least_started(history, rng))
        return Choice(argmax(history.means, rng))
