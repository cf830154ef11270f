"""What the counts say about each arm's mean: normal and binomial models that several rules share."""

from __future__ import annotations

import numpy as np

from policysearch.core.errors import UserError
from policysearch.rules.history import Counts, History
from policysearch.stats.arrays import Floats
from policysearch.stats.shrinkage import shrink


def noise(counts: Counts) -> float:
    """The deviation of one reward within an arm: pooled, or sqrt(1/2) of that of all rewards while no arm has two.

    The second holds half of what is seen to be noise, as `policysearch.experiments.search.summary` does.
    """
    return counts.deviation if counts.freedom else counts.deviation * float(np.sqrt(0.5))


def drawn_noise(counts: Counts, rng: np.random.Generator) -> float:
    """A draw of that deviation from its posterior under the prior 1/sigma²: sigma² = SS/chi²(nu).

    SS are the squares within arms, nu their degrees of freedom. While nu is 0, `noise` itself.
    """
    freedom = counts.freedom
    return noise(counts) * float(np.sqrt(freedom / rng.chisquare(freedom)) if freedom else 1.0)


def normal(counts: Counts, deviation: float) -> tuple[Floats, Floats]:
    """Mean and deviation of each arm's posterior, given the deviation of a reward: [K] both.

    Arms are N(mu, tau²) with mu and tau² estimated from all of them (`policysearch.stats.shrinkage.shrink`); with
    fewer than 4 arms with a reward the prior is flat. An arm without a reward has mean -inf and deviation 0.
    """
    rewarded = counts.pulls > 0
    centres, spreads = np.full(counts.arms, -np.inf), np.zeros(counts.arms)
    centres[rewarded], spreads[rewarded] = shrink(counts.means[rewarded], counts.pulls[rewarded], deviation)
    return centres, spreads


def binomial(history: History, images: float, rule: str) -> tuple[Floats, Floats]:
    """Each arm's share of successes in its finished pulls, and how many draws one of its pulls is worth: [K] both.

    From predictions counted right, where every arm with a reward has them: a pull is then worth the images it
    judged, at most `images`. Else from rewards in [0, 1], each worth 1 draw. Arms without a reward have share 0.

    Raises:
        UserError: a reward lies outside [0, 1] and nobody counted predictions.
    """
    rewarded = history.pulls > 0
    pulls = np.maximum(history.pulls, 1)
    if (history.judged[rewarded] > 0).all():
        share = history.correct / np.maximum(history.judged, 1)
        return share, np.where(rewarded, np.minimum(images, history.judged / pulls), 1.0)

    rewards = history.log.rewards if len(history.log.rewards) else history.means[rewarded]
    if rewards.min() < 0 or rewards.max() > 1:
        raise UserError(
            f"{rule} needs rewards in [0, 1] or counts of correct predictions, got rewards from {rewards.min():g} to "
            f"{rewards.max():g}; reward accuracy does, and ucb and thompson take any reward"
        )
    return history.sums / pulls, np.ones(history.arms)
