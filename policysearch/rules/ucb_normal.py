"""UCB1-NORMAL: normal rewards, a variance for each arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Rule, argmax, fewest_turns, untried
from policysearch.rules.posterior import noise
from policysearch.stats.arrays import Floats


@dataclass(frozen=True)
class UcbNormal(Rule):
    """UCB1-NORMAL (Auer, Cesa-Bianchi & Fischer 2002, figure 4).

    An arm with fewer than forced·8·ln t pulls is pulled; if there is none, the arm with the largest
    mean_i + c·sqrt(16 · v_i · ln(t - 1)/n_i), with v_i the unbiased variance of its rewards (the pooled one while it
    has a single reward), n_i its pulls and t those of all arms, pending and pruned ones counted. The paper has
    forced = c = 1.

    Its bound, of order (256 sum v_i/gap_i + 8 sum gap_i) ln t, is for forced = c = 1, where 32 arms are pulled 40
    times each before anything is chosen: useless with budgets of hundreds and gaps the size of the noise. With the
    defaults, which do choose, no bound is proved.

    Attributes:
        forced: share of the paper's forced exploration, 0 or more.
        c: share of the paper's bonus, 0 or more; 0.35 is as wide as `ucb`, the default as `ucb-tuned`.
    """

    forced: float = 0.05
    c: float = 0.25

    def __post_init__(self) -> None:
        for name in ("forced", "c"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UserError(f"ucb-normal's {name} must be 0 or more, got {getattr(self, name)}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if untried(history):
            return Choice(fewest_turns(history, rng))
        forced = np.where(history.abandoned, np.inf, history.turns)
        if forced.min() < self.forced * 8 * np.log(history.started.sum()):
            return Choice(argmax(-forced, rng))
        return Choice(argmax(self.index(history), rng))

    def index(self, history: History) -> Floats:
        """[K] upper bounds; -inf for an arm without a reward."""
        n, pulls = history.taken, history.pulls
        within = np.maximum(history.squares - history.sums**2 / np.maximum(pulls, 1), 0)
        variances = np.where(pulls > 1, within / np.maximum(pulls - 1, 1), noise(history) ** 2)
        log = np.log(max(n.sum() - 1, 1))
        return np.asarray(history.means + self.c * np.sqrt(16 * variances * log / np.maximum(n, 1)))
