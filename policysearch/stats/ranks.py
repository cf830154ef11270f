"""Rank correlations, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, islice

import numpy as np

from policysearch.stats.arrays import Floats

FEWEST_IN_FAMILY = 3
"""A family of fewer arms has no rank correlation worth the name."""
_MOST_SPLITS = 200


def spearman(first: Floats, second: Floats) -> Floats:
    """Spearman's rank correlation over the last axis, ties by their mean rank.

    Args:
        first, second: [..., K], broadcast against each other.

    Returns:
        [...] in [-1, 1]; nan where all K values of one are equal.

    Example:
        >>> round(float(spearman(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0]))), 6)
        0.8
    """
    a, b = _centred_ranks(first), _centred_ranks(second)
    scale = np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(-1) / scale)


def _centred_ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=-1)
    return np.asarray(ranks - ranks.mean(-1, keepdims=True))


def spearman_inside(first: Floats, second: Floats, families: Sequence[str]) -> Floats:
    """Mean of the families' own Spearman correlations, weighted by their arms.

    Args:
        first, second: [..., K].
        families: [K] the family of each arm; those of fewer than three arms do not count, nor do those whose
            values are all equal.

    Returns:
        [...]; nan where no family counts.
    """
    names = np.array(families)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(families)]
    members = [family for family in members if len(family) >= FEWEST_IN_FAMILY]
    shape = np.broadcast_shapes(first.shape, second.shape)[:-1]
    total, weight = np.zeros(shape), np.zeros(shape)
    for family in members:
        inside = spearman(first[..., family], second[..., family])
        total += np.where(np.isnan(inside), 0.0, inside * len(family))
        weight += np.where(np.isnan(inside), 0.0, len(family))
    with np.errstate(invalid="ignore"):
        return np.asarray(total / weight)


def reliability(rewards: Floats) -> float:
    """What Spearman correlation a second such table of means would have with this one.

    Split halves: the replicates that all arms have are split in two, the halves' means correlated, r averaged over
    all splits (200 of them at most), and brought to the whole's length by Spearman and Brown, 2r/(1 + r). Of an odd
    number of replicates, one half has one more.

    Args:
        rewards: [K, R], nan where an arm has no such replicate.

    Returns:
        in [-1, 1]; nan for fewer than two common replicates.
    """
    common = rewards[:, np.isfinite(rewards).all(0)]
    count = common.shape[1]
    if count < 2:
        return float("nan")
    splits = islice(combinations(range(count), count // 2), _MOST_SPLITS)
    halves = [np.isin(np.arange(count), split) for split in splits]
    first = np.array([common[:, half].mean(1) for half in halves])
    second = np.array([common[:, ~half].mean(1) for half in halves])
    r = float(np.nanmean(spearman(first, second)))
    return max(2 * r / (1 + r), -1.0) if r > -1 else -1.0
