"""Thompson sampling for normal rewards, and its top-two variant for finding the best arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, fewest_turns, untried
from policysearch.rules.posterior import drawn_noise, normal
from policysearch.stats.arrays import Floats

_RESAMPLED = 100


@dataclass(frozen=True)
class Thompson(Rule):
    """Each arm once, then the arm that is best in one draw from the posterior of all means (Thompson 1933).

    sigma² ~ SS/chi²(nu),  theta_i ~ N(m_i, w_i²) given sigma,  choose the largest theta_i

    Rewards are normal with one deviation sigma for all arms, under the prior 1/sigma²; m_i and w_i are the means
    shrunken with it towards their centre and their deviations (empirical Bayes: the arms are N(mu, tau²), both
    estimated). Where every gap may be noise tau is 0 and all arms are alike. With fewer than 4 arms nothing is shrunk
    and theta_i is t-distributed about its mean.

    Pulls under way are left to chance: asks at the same time draw different arms (Kandasamy et al. 2018). Honda &
    Takemura 2014 prove the optimal ln t regret with a variance for each arm and priors with alpha < 0; their theorem
    covers neither the common variance nor the estimated prior.

    Attributes:
        width: by which the posterior's deviations are multiplied, above 0; below 1 explores less.
    """

    width: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.width < float("inf"):
            raise UserError(f"thompson's width must be above 0, got {self.width}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if untried(history):
            return Choice(fewest_turns(history, rng))
        centres, spreads = normal(history, drawn_noise(history, rng))
        return Choice(argmax(centres + self.width * spreads * rng.standard_normal(history.arms), rng))


@dataclass(frozen=True)
class TopTwoThompson(Rule):
    """Top-two Thompson sampling (TTTS, Russo 2016): as often the best of a draw as its challenger.

    A draw as in `thompson` names the leader, taken with probability beta; else draws are repeated until another arm
    is best, and that challenger is taken. After 100 draws without one, it is the arm most likely to beat the leader,
    of the largest (m_i - m_leader)/sqrt(w_i² + w_leader²). sigma is drawn once for leader and challenger.

    For known variances and beta = 1/2, the posterior probability that another arm is best falls with at least half
    of the best possible exponent (Russo 2016; Qin, Klabjan & Russo 2017 for a relative of it). That is asymptotic;
    here the variance and the prior are estimated and rewards come late.

    Attributes:
        beta: share of pulls that go to the leader, in (0, 1).
    """

    beta: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.beta < 1:
            raise UserError(f"beta must lie in (0, 1), got {self.beta}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if untried(history):
            return Choice(fewest_turns(history, rng))
        centres, spreads = normal(history, drawn_noise(history, rng))
        order = rng.permutation(history.arms)  # so that argmax breaks ties at random
        drawn = centres + spreads * rng.standard_normal((_RESAMPLED + 1, history.arms))
        best = order[drawn[:, order].argmax(1)]
        leader = int(best[0])
        if rng.random() < self.beta:
            return Choice(leader)
        others = best[best != leader]
        return Choice(int(others[0]) if len(others) else _likeliest(centres, spreads, leader, rng))


def _likeliest(centres: Floats, spreads: Floats, leader: int, rng: np.random.Generator) -> int:
    """The arm most likely to beat the leader; the leader itself where no other arm has a reward."""
    apart = np.sqrt(spreads**2 + spreads[leader] ** 2)
    score = (centres - centres[leader]) / np.maximum(apart, 1e-300)
    score[leader] = -np.inf
    return argmax(score, rng) if np.isfinite(score).any() else leader
