"""KL-UCB: the upper bound that fits counts of successes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, fewest_turns, untried
from policysearch.rules.posterior import binomial
from policysearch.stats.arrays import Floats

_TINY = 1e-300


@dataclass(frozen=True)
class KlUcb(Rule):
    """Each arm once, then the largest upper bound by the Kullback-Leibler divergence of Bernoulli variables.

    index_i = max q with n_i · kl(p_i, q) <= ln t + c · ln(ln t)      (Garivier & Cappé 2011, algorithm 1)

    p_i is the share of validation images predicted right where they were counted, else the mean of rewards in
    [0, 1]; n_i the pulls of the arm, pending and pruned ones counted, times what one is worth (see `images`); t all
    pulls.

    The regret bound (theorem 1, with c = 3) is for independent rewards in [0, 1], each one draw: it holds for
    0/1 rewards that come at once. Accuracies as plain rewards lie far closer together than 0/1 draws would, and are
    then explored almost evenly; counted predictions share the noise of their child, hence `images`.

    Attributes:
        c: weight of ln ln t, 0 or more; the paper advises 0 in practice.
        images: how many independent images the predictions of one pull are worth at most, above 0: p(1 - p)/s² for
            accuracy p and deviation s of a pull. The default fits s = 0.008 at p = 0.85; more images explore less.
    """

    accuracies: ClassVar[bool] = True
    c: float = 0.0
    images: float = 2000.0

    def __post_init__(self) -> None:
        if not 0 <= self.c < float("inf"):
            raise UserError(f"kl-ucb's c must be 0 or more, got {self.c}")
        if not 0 < self.images < float("inf"):
            raise UserError(f"kl-ucb's images must be above 0, got {self.images}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if untried(history):
            return Choice(fewest_turns(history, rng))
        return Choice(argmax(self.index(history), rng))

    def index(self, history: History) -> Floats:
        """[K] upper bounds; -inf for an arm without a reward."""
        share, worth = binomial(history, self.images, "kl-ucb")
        n = history.taken
        log = np.log(n.sum())
        allowed = (log + self.c * np.log(max(log, 1.0))) / (np.maximum(n, 1) * worth)
        return np.where(history.pulls > 0, upper_bound(share, allowed), -np.inf)


def bernoulli_kl(p: Floats, q: Floats) -> Floats:
    """kl(p, q) = p ln(p/q) + (1 - p) ln((1 - p)/(1 - q)), elementwise."""
    return p * np.log(np.maximum(p, _TINY) / np.maximum(q, _TINY)) + (1 - p) * np.log(
        np.maximum(1 - p, _TINY) / np.maximum(1 - q, _TINY)
    )


def upper_bound(p: Floats, allowed: Floats) -> Floats:
    """The largest q in [p, 1] with kl(p, q) <= allowed, elementwise, by Newton's method from above.

    kl is convex in q, so that the steps never pass the solution. They start at the smaller of two bounds on it:
    Pinsker's p + sqrt(allowed/2), and what (1 - p) ln(1/(1 - q)) <= allowed + entropy(p) leaves.
    """
    entropy = -p * np.log(np.maximum(p, _TINY)) - (1 - p) * np.log(np.maximum(1 - p, _TINY))
    far = -np.expm1(-(allowed + entropy) / np.maximum(1 - p, _TINY))
    q = np.minimum(p + np.sqrt(allowed / 2), far)
    for _ in range(50):
        slope = (q - p) / np.maximum(q * (1 - q), _TINY)
        step = (bernoulli_kl(p, q) - allowed) / np.maximum(slope, _TINY)
        step = np.where(slope > 0, np.maximum(step, 0), 0)
        q = np.maximum(q - step, p)
        if step.max() < 1e-14:
            break
    return q
