"""Quantiles and tails against those of `scipy.stats`, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from policysearch.stats.quantiles import normal_quantile, t_quantile, t_tail

SHARES = (0.025, 0.5, 0.8, 0.975, 0.999)
FREEDOMS = (0.5, 1, 2, 3.7, 10, 100, 5000)


@pytest.mark.parametrize("share", SHARES)
def test_quantiles_are_those_of_scipy(share):
    assert t_quantile(share, np.array(FREEDOMS)).tolist() == stats.t.ppf(share, FREEDOMS).tolist()
    assert normal_quantile(share) == stats.norm.ppf(share)


@pytest.mark.parametrize("value", [0.0, 0.3, 2.228, 40.0])
def test_tails_are_those_of_scipy(value):
    assert [t_tail(value, freedom) for freedom in FREEDOMS] == stats.t.sf(value, FREEDOMS).tolist()


def test_no_degrees_of_freedom_have_no_quantile():
    assert np.isnan(t_quantile(0.975, 0))
