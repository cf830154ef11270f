"""Shrinkage against the James–Stein formula, and its gain in squared error."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.stats.shrinkage import shrink


@pytest.mark.parametrize("seed", range(5))
def test_equal_pulls_give_the_positive_part_james_stein_estimator(seed):
    rng = np.random.default_rng(seed)
    means, deviation, pulls = rng.normal(0.8, 0.02, 12), 0.03, 4.0
    variance = deviation**2 / pulls
    spread = ((means - means.mean()) ** 2).sum()
    kept = max(0.0, 1 - (12 - 3) * variance / spread)
    expected = means.mean() + kept * (means - means.mean())
    got, posterior = shrink(means, np.full(12, pulls), deviation)
    assert got == pytest.approx(expected, abs=1e-9)
    assert posterior == pytest.approx(np.full(12, np.sqrt(kept * variance)), abs=1e-9)


def test_fewer_pulls_are_shrunk_more():
    means = np.array([0.9, 0.9, 0.5, 0.52, 0.48, 0.5])
    got, _ = shrink(means, np.array([10.0, 1, 10, 10, 10, 10]), 0.1)
    centre = got[2:].mean()
    assert centre < got[1] < got[0] < 0.9


def test_few_arms_or_no_noise_are_left_alone():
    for means, deviation in ((np.array([1.0, 2, 3]), 1.0), (np.array([1.0, 2, 3, 9]), 0.0)):
        assert shrink(means, np.ones(len(means)), deviation)[0].tolist() == means.tolist()


def test_equal_arms_are_shrunk_to_their_mean():
    got, _ = shrink(np.full(6, 0.7), np.ones(6), 0.1)
    assert got == pytest.approx(np.full(6, 0.7))


def test_squared_error_is_smaller_than_that_of_the_means():
    """Stein's paradox, 400 repetitions of 20 arms with unequal pulls; at equal risk this fails about once in 1e9."""
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(400):
        truth, pulls = rng.normal(0.8, 0.01, 20), rng.integers(1, 10, 20).astype(float)
        means = truth + rng.standard_normal(20) * 0.02 / np.sqrt(pulls)
        gains.append(((means - truth) ** 2).sum() - ((shrink(means, pulls, 0.02)[0] - truth) ** 2).sum())
    assert np.mean(gains) > 6 * np.std(gains) / np.sqrt(400)
