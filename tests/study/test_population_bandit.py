"""The Gaussian process of Population-Based Bandits, and the choice by its upper bound."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.study.populations.bandit import Gain, Start, chosen
from policysearch.study.populations.gaussian_process import Kernel, Points, Posterior, fitted, log_likelihood
from policysearch.study.populations.parameters import Parameter

KERNEL = Kernel(variance=2.0, length=0.5, length_before=1e6, drift=0.36, noise=0.5)


def points(*places: float, times: tuple[float, ...] = ()) -> Points:
    count = len(places)
    return Points(np.array(places).reshape(count, 1), np.zeros(count), np.array(times or (0.0,) * count))


def test_the_kernel_by_hand():
    """2·exp(-(0.5/0.5)²/2)·(1 - 0.36)^(2/2) = 2·0.60653·0.64."""
    value = KERNEL.between(points(0.0), points(0.5, times=(2.0,)))
    assert value[0, 0] == pytest.approx(2 * np.exp(-0.5) * 0.64)


def test_the_posterior_of_two_points_by_hand():
    """K = [[2.5, c], [c, 2.5]], whose inverse is [[2.5, -c], [-c, 2.5]]/(6.25 - c²)."""
    seen, values, where = points(0.0, 0.5), np.array([1.0, -1.0]), points(0.0)
    c = 2 * np.exp(-0.5)
    inverse = np.array([[2.5, -c], [-c, 2.5]]) / (6.25 - c**2)
    across = np.array([2.0, c])
    mean, variance = Posterior(KERNEL, seen, values).at(where)
    assert mean[0] == pytest.approx(across @ inverse @ values)
    assert variance[0] == pytest.approx(2 - across @ inverse @ across)
    density = -0.5 * values @ inverse @ values - 0.5 * np.log(6.25 - c**2) - np.log(2 * np.pi)
    assert log_likelihood(KERNEL, seen, values) == pytest.approx(density)


def test_what_is_pending_lowers_the_variance_and_not_the_mean():
    seen, where = points(0.0, 0.5), points(0.8, 0.1)
    alone = Posterior(KERNEL, seen, np.array([1.0, -1.0])).at(where)
    pending = Posterior(KERNEL, seen, np.array([1.0, -1.0]), points(0.8)).at(where)
    assert pending[0] == pytest.approx(alone[0])
    assert (pending[1] < alone[1]).all() and pending[1][0] < 0.6 * alone[1][0]


def test_old_values_count_less():
    old = Posterior(KERNEL, points(0.2), np.array([3.0])).at(points(0.2, 0.2, times=(0.0, 8.0)))
    assert old[0][0] > 4 * old[0][1] and old[1][0] < old[1][1]


def test_the_fit_is_more_likely_than_its_start_and_finds_the_noise():
    rng = np.random.default_rng(0)
    places = rng.random(60)
    seen = points(*places)
    values = np.sin(6 * places)
    values = (values - values.mean()) / values.std()
    clean, noisy = fitted(seen, values), fitted(seen, values + rng.standard_normal(60))
    assert log_likelihood(clean, seen, values) > log_likelihood(Kernel(), seen, values)
    assert clean.noise < 0.01 < 0.3 < noisy.noise


LEVEL = Parameter("level", tuple(range(21)))
SIDE = Parameter("side", tuple(range(11)))


def gains(generations: int, per_generation: int, rng: np.random.Generator, noise: float = 0.1) -> list[Gain]:
    """Gains that are largest at level 15 and side 2, with a growth that all children of an interval share."""
    out = []
    for generation in range(generations):
        for _ in range(per_generation):
            level, side = int(rng.integers(21)), int(rng.integers(11))
            gain = 5 / (1 + generation) - ((level - 15) / 10) ** 2 - ((side - 2) / 5) ** 2
            after = gain + noise * rng.standard_normal()
            out.append(Gain({"level": level, "side": side}, generation, 0.0, after))
    return out


def test_the_best_numbers_are_found():
    """Over ten seeds the mean distance to the best is far below that of a random draw (6.2 and 3.4)."""
    far = np.array([
        [abs(values["level"] - 15), abs(values["side"] - 2)]
        for seed in range(10)
        if (values := chosen(gains(6, 8, np.random.default_rng(seed)), Start(6, 0.0, []), (LEVEL, SIDE),
                             np.random.default_rng(seed)))
    ])  # fmt: skip
    assert len(far) == 10 and (far.mean(0) < [2.5, 1.5]).all()


def test_children_of_one_interval_are_spread():
    seen, rng = gains(2, 6, np.random.default_rng(0), noise=1.0), np.random.default_rng(0)
    first = chosen(seen, Start(2, 0.0, []), (LEVEL, SIDE), rng)
    second = chosen(seen, Start(2, 0.0, [first] * 20), (LEVEL, SIDE), rng)
    assert first != second


def test_nothing_is_chosen_where_nothing_was_learned():
    few = gains(1, 3, np.random.default_rng(0))
    alike = [Gain({"level": i, "side": 0}, 0, np.nan, 0.5) for i in range(8)]
    for seen in (few, alike, []):
        assert chosen(seen, Start(1, 0.5, []), (LEVEL, SIDE), np.random.default_rng(0)) is None
