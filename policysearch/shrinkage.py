"""Many noisy means are better estimated together: empirical Bayes shrinkage of the arms' means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["shrink"]

Floats = NDArray[np.float64]


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
    """
    variances = deviation**2 / pulls
    if len(means) < 4 or deviation == 0:
        return means.copy(), np.sqrt(variances)
    between = _between(means, variances)
    centre = _centre(means, variances, between)
    kept = between / (between + variances)
    return centre + kept * (means - centre), np.sqrt(kept * variances)


def _centre(means: Floats, variances: Floats, between: float) -> float:
    weights = 1 / (between + variances)
    return float((weights * means).sum() / weights.sum())


def _between(means: Floats, variances: Floats) -> float:
    """tau² by bisection; the excess falls as tau² grows."""

    def excess(between: float) -> float:
        centre = _centre(means, variances, between)
        return float(((means - centre) ** 2 / (between + variances)).sum()) - (len(means) - 3)

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(np.ptp(means)) ** 2 + float(variances.max())
    while excess(high) > 0:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2
