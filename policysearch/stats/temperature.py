"""Temperature scaling (Guo et al. 2017) of many sets of predictions at once, and the log-likelihood after it.

Predictions are log-probabilities log p [M, N, C]: of M ways to predict N images of C classes. Their temperature T makes
them softmax(log p / T). Comparing log-likelihoods at T = 1 mostly compares how overconfident the ways are, so they are
compared at the best T of each (Ashukha et al. 2020), fitted on other images than those that it is judged on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policysearch.stats.arrays import Floats

Labels = NDArray[np.int64]
_LOWEST, _HIGHEST = 0.02, 50.0
"""Of 1 / T. Where all predictions are right the likelihood has no maximum, and the ends are taken."""
_CLOSE = 1e-9
"""Of 1 / T, relative; Newton steps square the error."""
_MOST_STEPS = 60
_SMALLEST = 1e-30
"""A probability below it counts as this, so that a single prediction of 0 does not make a likelihood 0."""


def log_of(probabilities: NDArray[np.floating]) -> Floats:
    """Logarithms of probabilities, none below that of 1e-30."""
    return np.asarray(np.log(np.maximum(probabilities, _SMALLEST, dtype=np.float64)))


def best_temperature(log_p: Floats, labels: Labels, start: Floats | None = None) -> Floats:
    """The temperatures [M] that maximise the log-likelihood of the labels, in [0.02, 50].

    The log-likelihood is concave in 1/T; its maximum is found by Newton steps within a bracket.

    Args:
        log_p: [M, N, C] log-probabilities.
        labels: [N] the true classes.
        start: [M] temperatures to begin with; 1 by default.

    Example:
        >>> sure = np.log(np.array([[[0.99, 0.01], [0.99, 0.01], [0.99, 0.01], [0.99, 0.01]]]))
        >>> temperature = best_temperature(sure, np.array([0, 0, 0, 1]))  # right three times of four
        >>> [round(float(value), 4) for value in np.exp(scaled(sure, temperature))[0, 0]]
        [0.75, 0.25]
    """
    chosen = _of_labels(log_p, labels)
    inverse = np.ones(len(log_p)) if start is None else np.clip(1 / start, _LOWEST, _HIGHEST)
    low, high = np.full(len(log_p), _LOWEST), np.full(len(log_p), _HIGHEST)
    for _ in range(_MOST_STEPS):
        slope, curvature = _slope_and_curvature(log_p, chosen, inverse)
        low, high = np.where(slope < 0, inverse, low), np.where(slope >= 0, inverse, high)
        step = inverse - slope / np.maximum(curvature, 1e-300)
        inside = (step > low) & (step < high)
        after = np.where(inside, step, np.where(slope == 0, inverse, (low + high) / 2))
        moved, inverse = np.abs(after - inverse), after
        if bool((moved <= _CLOSE * inverse).all()):
            break
    return np.asarray(1 / inverse)


def _slope_and_curvature(log_p: Floats, chosen: Floats, inverse: Floats) -> tuple[Floats, Floats]:
    """Derivatives of the mean negative log-likelihood by 1/T: E[log p] - log p of the label, and Var[log p]."""
    weights = np.exp(scaled(log_p, 1 / inverse))
    mean = np.einsum("mnc,mnc->mn", weights, log_p)
    square = np.einsum("mnc,mnc,mnc->mn", weights, log_p, log_p)
    return np.asarray((mean - chosen).mean(1)), np.asarray((square - mean**2).mean(1))


def scaled(log_p: Floats, temperature: Floats) -> Floats:
    """Log-probabilities [M, N, C] after temperatures [M]."""
    z = log_p / np.asarray(temperature)[:, None, None]
    z -= z.max(2, keepdims=True)
    z -= np.log(np.exp(z).sum(2, keepdims=True))
    return np.asarray(z)


def log_likelihoods(log_p: Floats, labels: Labels, temperature: Floats) -> Floats:
    """[M, N] nats: the log-probability of each image's label after temperatures [M]; at most 0."""
    return _of_labels(scaled(log_p, temperature), labels)


def calibrated(log_p: Floats, labels: Labels, folds: Labels, start: Floats | None = None) -> tuple[Floats, Floats]:
    """The calibrated log-likelihood: every fold's at the temperature that is best on the other folds.

    Args:
        log_p: [M, N, C] log-probabilities.
        labels: [N] the true classes.
        folds: [N] which fold an image is in, from 0.
        start: [M] temperatures to begin the fits with.

    Returns:
        [M] the mean over all images in nats, and [M] the mean temperature of the folds.
    """
    total, temperatures = np.zeros(len(log_p)), np.zeros(len(log_p))
    count = int(folds.max()) + 1
    for fold in range(count):
        here = folds == fold
        fit = best_temperature(log_p[:, ~here], labels[~here], start)
        total += log_likelihoods(log_p[:, here], labels[here], fit).sum(1)
        temperatures += fit / count
    return total / len(labels), temperatures


def _of_labels(log_p: Floats, labels: Labels) -> Floats:
    index = np.broadcast_to(labels[None, :, None], (len(log_p), len(labels), 1))
    return np.asarray(np.take_along_axis(log_p, index, 2)[:, :, 0])
