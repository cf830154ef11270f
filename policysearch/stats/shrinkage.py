"""Many noisy means are better estimated together: empirical Bayes shrinkage of the arms' means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from policysearch.stats.arrays import Floats


def shrink(means: Floats, pulls: Floats, deviation: float) -> tuple[Floats, Floats]:
    """Means pulled towards their centre, the less sure the more.

    With m_i ~ N(theta_i, v_i), v_i = deviation²/pulls_i, and theta_i ~ N(mu, tau²), the estimate is
    mu + tau²/(tau² + v_i)·(m_i - mu). mu is the precision-weighted mean, and tau² solves
    sum (m_i - mu)²/(tau² + v_i) = K - 3 (0 if there is no solution). For equal v_i this is the positive-part
    James-Stein estimator about the grand mean (Efron & Morris 1973, section 2): factor 1 - (K-3)·v/S.

    Args:
        means: [K] mean rewards.
        pulls: [K] how many rewards each is the mean of, 1 or more.
        deviation: of one reward within an arm, 0 or more.

    Returns:
        [K] shrunken means, and [K] their posterior deviations. With fewer than 4 arms, or deviation 0,
        nothing is shrunk.

    Example:
        >>> shrunken, _ = shrink(np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.ones(5), deviation=1.0)
        >>> shrunken.round(6).tolist()
        [0.4, 1.2, 2.0, 2.8, 3.6]
    """
    variances = deviation**2 / pulls
    if len(means) < 4 or not variances.all():
        return means.copy(), np.sqrt(variances)
    between = _between(means, variances)
    centre = _centre(means, variances, between)
    factor = between / (between + variances)
    return centre + factor * (means - centre), np.sqrt(factor * variances)


def pooled(rewards: Sequence[Floats]) -> float | None:
    """The deviation of one reward within an arm, pooled: sqrt(sum_i SS_i / sum_i (n_i - 1)).

    Args:
        rewards: [n_i] rewards of each arm, 1 or more.

    Returns:
        The deviation, in units of the reward; None if no arm has two rewards.

    Example:
        >>> pooled([np.array([1.0, 3.0]), np.array([2.0, 2.0])])
        1.0
    """
    freedom = sum(len(of_arm) - 1 for of_arm in rewards)
    squares = sum(float(((of_arm - of_arm.mean()) ** 2).sum()) for of_arm in rewards)
    return float(np.sqrt(squares / freedom)) if freedom else None


def _centre(means: Floats, variances: Floats, between: float) -> float:
    weights = 1 / (between + variances)
    return float((weights * means).sum() / weights.sum())


def _between(means: Floats, variances: Floats) -> float:
    """tau² by Newton's method from 0.

    The excess sum w_i (m_i - mu)² - (K - 3), w_i = 1/(tau² + v_i), falls and is convex in tau² (its second
    derivative is 2 sum w³(m - mu)² - 2 (sum w²(m - mu))²/sum w >= 0), so that the steps never pass the solution.
    """
    between = 0.0
    while True:
        weights = 1 / (between + variances)
        squares = weights * (means - weights @ means / weights.sum()) ** 2
        step = (float(squares.sum()) - (len(means) - 3)) / float(weights @ squares or 1.0)
        if not step > 1e-15 * between:
            return between
        between += step
