"""Numbers that people read: their unit, sign, digits and interval, letter by letter."""

from __future__ import annotations

import math

import pytest

from policysearch.reports.numbers import (
    FINE,
    PERCENT,
    PLAIN,
    amount,
    duration,
    interval,
    milliseconds,
    number,
    probability,
    share,
    unit_of,
    whole,
)
from policysearch.stats.estimate import Estimate

NAN = math.nan
KNOWN = Estimate(0.0122, -0.0046, 0.029)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PERCENT.value(0.8256), "82.56 %"),
        (PERCENT.estimate(Estimate(0.825, 0.8144, 0.8356)), "82.50 % [81.44, 83.56]"),
        (PERCENT.change(KNOWN), "+1.22 points [-0.46, 2.90]"),
        (PERCENT.change(Estimate(-0.0122, NAN, NAN)), "-1.22 points"),
        (PERCENT.change(Estimate(-0.00001, NAN, NAN)), "+0.00 points"),
        (PERCENT.change(Estimate(NAN, NAN, NAN)), "–"),
        (PERCENT.size(-0.0122), "1.22 points"),
        (PERCENT.sizes(KNOWN), "1.22 points [-0.46, 2.90]"),
        (PERCENT.axis("accuracy"), "accuracy [%]"),
        (FINE.sizes(Estimate(0.00003, 0.0, 0.00021)), "0.003 points [0.000, 0.021]"),
        (PLAIN.estimate(Estimate(-1.5, -2, -1)), "-1.5000 [-2.0000, -1.0000]"),
        (PLAIN.change(Estimate(0.5, 0.25, 0.75)), "+0.5000 [0.2500, 0.7500]"),
        (PLAIN.axis("-loss"), "-loss"),
        (PERCENT.value(NAN), "–"),
        (number(0.12345), "0.1235"),
        (number(-0.00001), "0.0000"),
        (amount(1234.5), "1,234"),
        (amount(0.01234), "0.0123"),
        (whole(1234.4), "1,234"),
        (share(0.256), "26 %"),
        (milliseconds(0.0123), "12 ms"),
        (milliseconds(1.5), "1,500 ms"),
        (duration(99.94), "99.9 s"),
        (duration(1234.5), "1,234 s"),
        (probability(0.0004), "< 0.001"),
        (probability(0.0426), "= 0.043"),
        (probability(NAN), "unknown"),
        (interval(KNOWN, number), "0.0122 [-0.0046, 0.0290]"),
        (interval(Estimate(0.5, NAN, NAN), number), "0.5000"),
    ],
)
def test_a_number_is_written(text, expected):
    assert text == expected


def test_the_unit_of_a_reward():
    assert unit_of("accuracy") is PERCENT and unit_of(" accuracy ", fine=True) is FINE
    assert unit_of("accuracy-0.1*loss") is PLAIN and unit_of("-loss", fine=True) is PLAIN
    scaled = PERCENT.scaled(Estimate(0.5, 0.25, 0.75))
    assert (scaled.mean, scaled.low, scaled.high) == (50, 25, 75)
