"""Folds are disjoint, cover all images, hold every class in proportion, and tear no group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policysearch.core.errors import UserError
from policysearch.datasets.folds import folds

CLASSES = ("bird", "cat", "dog")


@settings(max_examples=40)
@given(st.lists(st.integers(5, 30), min_size=2, max_size=3), st.integers(2, 5), st.integers(0, 99))
def test_laws(sizes, count, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows = folds(labels, None, count, np.random.default_rng(seed), CLASSES[: len(sizes)])
    assert np.array_equal(np.sort(np.concatenate(rows)), np.arange(len(labels)))
    assert np.ptp([len(fold) for fold in rows]) <= 1
    counts = np.array([np.bincount(labels[fold], minlength=len(sizes)) for fold in rows])
    assert (np.ptp(counts, axis=0) <= 1).all() and counts.min() >= 1


def test_the_generator_draws_the_folds():
    labels = np.arange(60) % 3
    one, same, other = (folds(labels, None, 3, np.random.default_rng(seed), CLASSES) for seed in (0, 0, 1))
    assert all(map(np.array_equal, one, same)) and not all(map(np.array_equal, one, other))


def test_groups_stay_whole_and_spread_evenly():
    groups = np.random.default_rng(0).integers(0, 40, 300)
    labels = groups % 3
    rows = folds(labels, groups, 4, np.random.default_rng(0), CLASSES)
    assert np.array_equal(np.sort(np.concatenate(rows)), np.arange(300))
    of_group = [{k for k, fold in enumerate(rows) if g in groups[fold]} for g in np.unique(groups)]
    assert all(len(places) == 1 for places in of_group)
    counts = np.array([np.bincount(labels[fold], minlength=3) for fold in rows])
    assert (counts >= 0.6 * counts.mean(0)).all() and (counts <= 1.4 * counts.mean(0)).all()


@pytest.mark.parametrize(
    ("labels", "groups", "message"),
    [
        ([0] * 9 + [1] * 3 + [2] * 9, None, "class 'cat' has 3 training images, too few for 4 folds: .* give 3 folds"),
        ([0] * 8 + [1] * 8 + [2] * 8, [0, 1, 2, 3] * 4 + [7] * 8, "class 'dog' has 1 groups of training images"),
    ],
)
def test_too_many_folds(labels, groups, message):
    groups = None if groups is None else np.array(groups)
    with pytest.raises(UserError, match=message):
        folds(np.array(labels), groups, 4, np.random.default_rng(0), CLASSES)
