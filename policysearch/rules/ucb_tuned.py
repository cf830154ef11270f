"""UCB1-Tuned on the scale of the rewards' own noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, fewest_turns, untried
from policysearch.rules.posterior import noise
from policysearch.stats.arrays import Floats


@dataclass(frozen=True)
class UcbTuned(Rule):
    """Each arm once, then the largest upper bound, with a variance for each arm.

    index_i = mean_i + sqrt(ln t / n_i · min(R²/4, V_i)),  V_i = v_i + R² sqrt(2 ln t / n_i)
                                             (UCB1-Tuned, Auer, Cesa-Bianchi & Fischer 2002, section 4)

    R is the range of the rewards, 1 in the paper; here scale·s, with s the pooled deviation within arms: two-point
    rewards of deviation s have range 2s. v_i = (prior·s² + SS_i)/(prior + pulls_i) is the arm's variance, SS_i its
    sum of squares about its mean: the paper's with prior 0, steadied by the pooled variance for arms with few pulls.
    t counts all pulls and n_i those of arm i, pending and pruned ones included.

    Auer et al. prove no bound for it. The cap R²/4 rules until an arm has some 32 ln t pulls, so that in a short
    search this is `ucb` with c = scale/(2·sqrt(2)), 0.71 by default; the variances matter only in long ones.

    Attributes:
        scale: the range of rewards in pooled deviations, above 0.
        prior: how many pulls the pooled variance is worth, 0 or more.
    """

    scale: float = 2.0
    prior: float = 3.0

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf"):
            raise UserError(f"ucb-tuned's scale must be above 0, got {self.scale}")
        if not 0 <= self.prior < float("inf"):
            raise UserError(f"ucb-tuned's prior must be 0 or more, got {self.prior}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if untried(history):
            return Choice(fewest_turns(history, rng))
        return Choice(argmax(self.index(history), rng))

    def index(self, history: History) -> Floats:
        """[K] upper bounds; -inf for an arm without a reward."""
        n = np.maximum(history.taken, 1)
        log, span = np.log(n.sum()), (self.scale * noise(history)) ** 2
        bound = np.minimum(span / 4, self._variances(history) + span * np.sqrt(2 * log / n))
        return np.asarray(history.means + np.sqrt(log / n * bound))

    def _variances(self, history: History) -> Floats:
        pulls = np.maximum(history.pulls, 1)
        within = np.maximum(history.squares - history.sums**2 / pulls, 0)
        return np.asarray((self.prior * noise(history) ** 2 + within) / (self.prior + pulls))
