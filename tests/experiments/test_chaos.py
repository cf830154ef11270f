"""Real searches killed at random end as the undisturbed ones do; results/2026-11-30_chaos has many more."""

from __future__ import annotations

import random

import pytest

from tests.support.chaos import Record, disturbed, undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ucb", "tpe"])
def test_a_search_killed_at_random_ends_as_if_nothing_had_happened(strategy, tmp_path):
    expected = undisturbed(strategy, tmp_path)
    record = disturbed(strategy, expected, tmp_path / "disturbed", 4, random.Random(1))
    assert record.faults == [] and record.kills.total() >= 1


@pytest.mark.slow
def test_another_search_is_seen_as_one_that_lost_its_trials(tmp_path):
    expected = undisturbed("ucb", tmp_path)
    record = disturbed("random", expected, tmp_path / "disturbed", 0, random.Random(1))
    assert any("lost or changed" in fault for fault in record.faults) and record == Record(
        "random", faults=record.faults
    )
