"""A fitted reward: the weighted sum of a cheap pull's metrics that predicts long training best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.stats.arrays import Floats

FEATURES = ("accuracy", "loss", "accuracy_gap", "augmented_train_loss", "severity")
"""Metrics that a fitted reward may use where they are recorded; accuracy always is one."""
_PENALTIES = 10.0 ** np.arange(-3.0, 4.0, 0.5)
_DIGITS = 3
_ARMS_PER_WEIGHT = 2


@dataclass(frozen=True)
class Correction:
    """A weighted sum of metrics in which accuracy has weight 1, and what it is worth on arms it was not fitted to.

    Attributes:
        weights: of the metrics with a weight that is not 0, accuracy first.
        left_out: [K, F] weights, accuracy's 1, fitted without arm k.
        penalty: of the ridge, chosen by leaving one arm out.
    """

    weights: dict[str, float]
    left_out: Floats
    penalty: float

    @property
    def reward(self) -> str:
        """As `policysearch search --reward` takes it."""
        others = [f"{weight:+.{_DIGITS}f}*{name}" for name, weight in self.weights.items() if name != "accuracy"]
        return "".join(["accuracy", *others])


def fit_correction(names: Sequence[str], metrics: Floats, truth: Floats) -> Correction | None:
    """Ridge regression of the arms' true means on the means of their cheap metrics.

    Metrics are standardised, the penalty is lambda·K on squared weights, the constant is free. lambda is that of a grid
    from 0.001 to 3,000 with the least squared error on arms left out (closed form: e_k/(1 - h_kk)).

    Args:
        names: [F] the metrics, accuracy the first.
        metrics: [K, F] their means over a cheap pull's replicates.
        truth: [K] means of long training.

    Returns:
        None if accuracy's weight is not positive: then it is no reward. Nor is there one for fewer than 4 arms, or
        fewer than two for each weight and the constant: so many weights fit the luck of so few arms.
    """
    if len(truth) < max(4, _ARMS_PER_WEIGHT * (len(names) + 1)) or metrics[:, 0].std() == 0:
        return None
    weights, penalty = _ridge(metrics, truth)
    if not weights[0] > 0:
        return None
    rounded = np.round(weights / weights[0], _DIGITS)
    nonzero = {name: float(w) for name, w in zip(names, rounded, strict=True) if w != 0}
    return Correction(nonzero, _left_out(metrics, truth), penalty)


def _left_out(metrics: Floats, truth: Floats) -> Floats:
    """Accuracy alone where, without that arm, its weight is not positive."""
    out = np.zeros_like(metrics)
    out[:, 0] = 1
    for k in range(len(truth)):
        others = np.arange(len(truth)) != k
        weights, _ = _ridge(metrics[others], truth[others])
        if weights[0] > 0:
            out[k] = weights / weights[0]
    return out


def _ridge(metrics: Floats, truth: Floats) -> tuple[Floats, float]:
    """Weights [F] of the metrics as they are, and the penalty with the least error on arms left out."""
    scale = np.where(metrics.std(0) > 0, metrics.std(0), np.inf)
    x, y = (metrics - metrics.mean(0)) / scale, truth - truth.mean()
    left, values, right = np.linalg.svd(x, full_matrices=False)
    best = min((_error_left_out(left, values, y, penalty), penalty) for penalty in _PENALTIES * len(y))
    shrinkage = values / (values**2 + best[1])
    return (right.T @ (shrinkage * (left.T @ y))) / scale, float(best[1] / len(y))


def _error_left_out(left: Floats, values: Floats, y: Floats, penalty: float) -> float:
    shrinkage = values**2 / (values**2 + penalty)
    leverage = (left**2 * shrinkage).sum(1) + 1 / len(y)
    residuals = y - left @ (shrinkage * (left.T @ y))
    return float(((residuals / (1 - leverage)) ** 2).sum())
