"""Temperature scaling against SciPy and by hand, many ways at once, and its ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from policysearch.stats.temperature import best_temperature, calibrated, log_likelihoods, log_of, scaled


def some_predictions(ways: int = 4, images: int = 60, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities [M, N, C] of increasing confidence, right more often than not, and labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, images)
    logits = rng.normal(size=(ways, images, classes)) + 1.5 * np.eye(classes)[labels]
    return log_softmax(logits * np.array([0.3, 1.0, 3.0, 9.0])[:ways, None, None], axis=2), labels


def test_the_best_temperature_is_scipys():
    log_p, labels = some_predictions()
    for way, temperature in zip(log_p, best_temperature(log_p, labels), strict=True):
        scipys = minimize_scalar(
            lambda t, way=way: -log_softmax(way / t, axis=1)[np.arange(len(labels)), labels].mean(),
            bounds=(0.02, 50),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert temperature == pytest.approx(scipys.x, rel=1e-5)


def test_where_the_fit_begins_does_not_matter():
    log_p, labels = some_predictions()
    ones = best_temperature(log_p, labels)
    for start in (0.03, 40.0):
        np.testing.assert_allclose(best_temperature(log_p, labels, np.full(4, start)), ones, rtol=1e-6)


def test_a_more_confident_copy_has_the_same_calibrated_likelihood():
    log_p, labels = some_predictions(1)
    folds = np.arange(len(labels)) % 2
    both = np.concatenate([log_p, log_softmax(2.5 * log_p, axis=2)])
    scores, temperatures = calibrated(both, labels, folds)
    assert scores[0] == pytest.approx(scores[1], abs=1e-9)
    assert temperatures[1] == pytest.approx(2.5 * temperatures[0], rel=1e-6)


def test_every_fold_is_judged_at_the_temperature_of_the_others():
    log_p, labels = some_predictions(1)
    folds = np.arange(len(labels)) % 2
    parts = []
    for fold in (0, 1):
        fit = best_temperature(log_p[:, folds != fold], labels[folds != fold])
        parts.append(log_likelihoods(log_p[:, folds == fold], labels[folds == fold], fit).sum())
    scores, _ = calibrated(log_p, labels, folds)
    assert scores[0] == pytest.approx(sum(parts) / len(labels), abs=1e-12)
    # The same images for fit and judgement could only look better.
    assert scores[0] < log_likelihoods(log_p, labels, best_temperature(log_p, labels)).mean()


def test_predictions_that_are_all_right_or_say_nothing_have_a_finite_temperature():
    labels = np.array([0, 1, 2])
    sure = log_of(np.eye(3)[None])
    assert np.isfinite(best_temperature(sure, labels)).all()
    assert log_likelihoods(sure, labels, best_temperature(sure, labels))[0] == pytest.approx(0, abs=1e-9)
    flat = log_of(np.full((1, 3, 3), 1 / 3))
    assert log_likelihoods(flat, labels, best_temperature(flat, labels))[0] == pytest.approx(np.log(1 / 3))


def test_scaled_log_probabilities_are_probabilities():
    log_p, _ = some_predictions()
    np.testing.assert_allclose(np.exp(scaled(log_p, np.array([0.1, 1.0, 3.0, 50.0]))).sum(2), 1)
    np.testing.assert_allclose(scaled(log_p, np.ones(4)), log_p, atol=1e-12)
