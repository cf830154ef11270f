"""Rewards: the grammar, its values, and what is refused."""

from __future__ import annotations

import pytest

from policysearch.core.errors import UserError
from policysearch.core.trial import Outcome
from policysearch.study.reward_metrics import METRICS, REWARDS
from policysearch.study.rewards import parse_reward, try_reward
from policysearch.study.rows import reward_of

METRIC = {name: 0.1 * i for i, name in enumerate(METRICS, 1)}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("accuracy", 0.1),
        ("-loss", -METRIC["loss"]),
        ("entropy", METRIC["entropy"]),
        ("accuracy-0.5*ece", METRIC["accuracy"] - 0.5 * METRIC["ece"]),
        ("balanced-accuracy", METRIC["balanced_accuracy"]),
        ("accuracy+2*balanced-accuracy", METRIC["accuracy"] + 2 * METRIC["balanced_accuracy"]),
        ("-balanced_accuracy", -METRIC["balanced_accuracy"]),
        (" accuracy - .5 * ece + 2*loss ", 0.1 - 0.5 * METRIC["ece"] + 2 * METRIC["loss"]),
    ],
)
def test_values(text, value):
    assert parse_reward(text)(METRIC) == pytest.approx(value)


def test_every_listed_example_but_the_placeholder_parses():
    for text in REWARDS:
        if text != "module:function":
            parse_reward(text)


def test_a_metric_that_was_not_recorded_is_named():
    """As in studies and tables of earlier versions."""
    with pytest.raises(LookupError, match="balanced_accuracy was not recorded"):
        parse_reward("balanced-accuracy")({"accuracy": 0.5})


def test_own_function():
    assert parse_reward("math:fsum")([1, 2]) == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("os:getcwd", "TypeError"),
        ("math:fsum", "TypeError"),
        ("cmath:isnan", "TypeError"),
        ("os:fspath", "TypeError"),
        ("sys:exit", "SystemExit"),
    ],
)
def test_functions_that_fail_are_found_before_the_search(text, told):
    try_reward("accuracy-0.5*ece")
    with pytest.raises(UserError, match=told):
        try_reward(text)


@pytest.mark.parametrize(
    ("value", "usable"),
    [(1e100, True), (-1e100, True), (1.1e100, False), (float("nan"), False), (-float("inf"), False)],
)
def test_a_reward_is_a_number_whose_square_does_not_overflow(value, usable):
    reward, error = reward_of(lambda metrics: metrics["accuracy"], Outcome({"accuracy": value}))
    assert (reward == value) == usable
    assert bool(error) != usable
    assert usable or error == f"reward is {value}: it must be a finite number between -1e+100 and 1e+100"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("acuracy", "did you mean accuracy"),
        ("accuracy loss", "no sum|is not a sum"),
        ("accuracy*2", "is not a sum"),
        ("", "is not a sum"),
        ("--loss", "is not a sum"),
        ("accuracy+__import__", "is not a sum|unknown reward metric"),
        ("nomodule:f", "cannot be loaded"),
        ("math:nothing", "cannot be loaded"),
        ("math:pi", "no function"),
    ],
)
def test_bad_rewards_are_refused(text, told):
    with pytest.raises(UserError, match=told):
        parse_reward(text)
