"""Means over networks × images: by hand, its two limits, and how often it errs where there is nothing to find."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from policysearch.stats.crossed import crossed_mean, crossed_pair


def test_the_error_by_hand():
    """Rows 1 and 3, columns 1, 2, 3, nothing else: MS of networks 6, of images 2; their sum over 6 is 8/6."""
    values = np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]])
    mean = crossed_mean(values)
    assert mean.mean == 2 and mean.error == pytest.approx(math.sqrt(8 / 6))
    assert mean.freedom == pytest.approx(8**2 / (6**2 / 1 + 2**2 / 2))


def test_without_differences_of_images_it_is_the_t_test_over_networks():
    networks = np.array([0.3, 0.1, 0.4, 0.2])
    pair = crossed_pair("a", "b", np.repeat(networks[:, None], 50, 1), np.zeros((4, 50)))
    assert pair.p == pytest.approx(ttest_1samp(networks, 0).pvalue)
    assert pair.n == 4 and pair.name == "a" and pair.other == "b"


def test_networks_that_are_all_alike_prove_no_more_than_their_images():
    images = np.array([1.0, 0.0, 0.0, 1.0, -1.0, 1.0])
    pair = crossed_pair("a", "b", np.repeat(images[None], 9, 0), np.zeros((9, 6)))
    assert pair.p == pytest.approx(ttest_1samp(images, 0).pvalue)


def test_nothing_is_known_of_one_network():
    assert math.isnan(crossed_mean(np.ones((1, 9))).error)
    assert math.isnan(crossed_pair("a", "b", np.ones((1, 9)), np.zeros((1, 9))).p)


def test_equal_predictions_are_no_difference():
    same = np.ones((3, 5))
    pair = crossed_pair("a", "b", same, same)
    assert pair.p == 1 and pair.difference.mean == 0 and not pair.clear


def false_alarms(test, of_networks: float, of_images: float) -> float:
    """The share of 500 comparisons without a difference that a test calls significant at 5 %."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(500):
        gaps = of_networks * rng.normal(size=(5, 1)) + of_images * rng.normal(size=(1, 40)) + rng.normal(size=(5, 40))
        hits += test(gaps) < 0.05
    return hits / 500


def test_it_errs_in_five_percent_whatever_varies():
    """7 % is the 5 % of the level and two standard errors of 500 draws; planted: tests over one side alone."""

    def crossed(gaps: np.ndarray) -> float:
        return crossed_pair("a", "b", gaps, np.zeros_like(gaps)).p

    for of_networks, of_images in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, 1.5)):
        assert false_alarms(crossed, of_networks, of_images) <= 0.07
    assert false_alarms(lambda gaps: ttest_1samp(gaps.mean(1), 0).pvalue, 0.0, 1.0) > 0.2
    assert false_alarms(lambda gaps: ttest_1samp(gaps.mean(0), 0).pvalue, 1.0, 0.0) > 0.2
