"""Successive halving that learns how far its cheap pulls are off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, Counts, History, Need
from policysearch.rules.successive_halving import Promoting, must_have_fidelities, promote_or_start
from policysearch.stats.arrays import Floats


@dataclass(frozen=True)
class CorrectedHalving(Promoting):
    """Successive halving by an upper bound of what an arm will be worth at the most expensive fidelity.

    A cheap pull has a bias that depends on what the policy does: one with few epochs ranks strong policies last,
    and plain halving drops them in its first rung. Here arms are promoted by

        score = mean + sum over the steps above of (gap + width · deviation of the gap)

    The gap of a step, the mean one fidelity higher less the mean here, is a Gaussian regression on the arms' features,
    fitted to the arms that have both: covariance (doubt·s)² (1 + x·x/D)/2 between arms with D features x, s the
    deviation of the arms' means here, and noise by the pooled deviation of pulls (while no arm has two, all that is
    seen counts as noise, and little is corrected). Where nothing was measured the mean gap is 0 and its deviation
    largest for the policies least like the average one, so some of these are promoted, and
    what they show corrects the others. With doubt 0 this is `successive-halving`.

    The design is new here; regression on policies' features as in `linucb` (Li et al. 2010), asynchronous
    promotion as in ASHA (Li et al. 2020).

    Attributes:
        eta: of how many arms one is promoted, above 1.
        doubt: deviation of the bias over that of the arms' means, 0 or more.
        width: of the bound, in deviations, 0 or more.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"fidelities", "features"})
    doubt: float = 1.0
    width: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("doubt", self.doubt), ("width", self.width)):
            if not 0 <= value < float("inf"):
                raise UserError(f"corrected-halving's {name} must be 0 or more, got {value}")

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        must_have_fidelities(history, "corrected-halving")
        if history.features is None:
            raise UserError("corrected-halving needs features that describe the arms, got none")
        return promote_or_start(history, 0, self.eta, rng, self.scores)

    def scores(self, history: History, level: int) -> Floats:
        """[K] what the arms are promoted by from a fidelity, -inf for those without a reward there."""
        assert history.features is not None
        levels = history.fidelities
        steps = zip(levels[level:-1], levels[level + 1 :], strict=True)
        gaps = sum(self._gap(here, above, history.features) for here, above in steps)
        return np.asarray(levels[level].means + gaps)

    def _gap(self, here: Counts, above: Counts, features: Floats) -> Floats:
        """[K] an upper bound of the step's gap, less the mean of those measured."""
        shared = np.hstack([np.ones((here.arms, 1)), features / np.sqrt(max(features.shape[1], 1))])
        prior = (self.doubt * _spread(here)) ** 2 / 2  # of each coefficient: an intercept's, and the features'

        both = np.flatnonzero((here.pulls > 0) & (above.pulls > 0))
        gaps = above.means[both] - here.means[both]
        noise = here.deviation**2 / here.pulls[both] + above.deviation**2 / above.pulls[both] + 1e-12

        weighted = prior * shared[both].T / noise
        information = np.eye(shared.shape[1]) + weighted @ shared[both]
        surprise = gaps - gaps.mean() if len(both) else gaps
        means = shared @ np.linalg.solve(information, weighted @ surprise)
        variances = prior * (shared * np.linalg.solve(information, shared.T).T).sum(axis=1)
        return np.asarray(means + self.width * np.sqrt(np.maximum(variances, 0)))


def _spread(counts: Counts) -> float:
    """The deviation of the arms' means beyond what noise explains; of all means, where it explains everything."""
    rewarded = counts.pulls > 0
    if rewarded.sum() < 2:
        return 0.0
    means = counts.means[rewarded]
    beyond = means.var(ddof=1) - (counts.deviation**2 / counts.pulls[rewarded]).mean() * bool(counts.freedom)
    return float(np.sqrt(beyond if beyond > 0 else means.var(ddof=1)))
