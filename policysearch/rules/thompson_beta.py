"""Thompson sampling for counts of successes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, fewest_turns, untried
from policysearch.rules.posterior import binomial
from policysearch.stats.arrays import Floats


@dataclass(frozen=True)
class ThompsonBeta(Rule):
    """Each arm once, then the largest of one draw for each arm from its beta posterior.

    theta_i ~ Beta(1 + n_i·p_i, 1 + n_i·(1 - p_i))      (Agrawal & Goyal 2012, algorithm 1, with 0/1 rewards)

    p_i is the share of validation images predicted right where they were counted, else the mean of rewards in
    [0, 1]; n_i the finished pulls times what one is worth (see `images`). Pulls under way are left to chance.

    The bound (ln t over the divergence, Kaufmann, Korda & Munos 2012) is for independent 0/1 rewards that come at once.
    Plain rewards between 0 and 1 enter as fractions where the paper's algorithm 2 tosses a coin. The images of one
    pull share the noise of their child, hence `images`: with all of them counted the first pull would settle all.

    Attributes:
        images: how many independent images the predictions of one pull are worth at most, above 0: p(1 - p)/s² for
            accuracy p and deviation s of a pull. The default fits s = 0.008 at p = 0.85; more images explore less.
    """

    accuracies: ClassVar[bool] = True
    images: float = 2000.0

    def __post_init__(self) -> None:
        if not 0 < self.images < float("inf"):
            raise UserError(f"thompson-beta's images must be above 0, got {self.images}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if untried(history):
            return Choice(fewest_turns(history, rng))
        right, wrong = self.posterior(history)
        return Choice(argmax(np.where(history.pulls > 0, rng.beta(right, wrong), -np.inf), rng))

    def posterior(self, history: History) -> tuple[Floats, Floats]:
        """The two parameters of each arm's beta distribution, [K] both."""
        share, worth = binomial(history, self.images, "thompson-beta")
        n = history.pulls * worth
        return 1 + n * share, 1 + n * (1 - share)
