"""Uniform random choice: the rule that every other must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.rules.history import Choice, History, Rule, any_candidate


@dataclass(frozen=True)
class Uniform(Rule):
    """Each arm with the same probability, whatever its rewards; arms that only fail are left out in the end."""

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        return Choice(any_candidate(history, rng))
