"""Uniform random choice: the rule that every other must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.rules.history import Choice, History, Rule


@dataclass(frozen=True)
class Uniform(Rule):
    """Each arm with probability 1/K, whatever was seen."""

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        return Choice(int(rng.integers(history.arms)))
