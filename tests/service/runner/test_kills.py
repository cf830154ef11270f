"""The server killed at random moments; results/2026-11-30_service-kills has many more."""

from __future__ import annotations

import random

import pytest

from tests.support.service_kills import KillSeries, undisturbed


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_server_killed_at_random_loses_and_doubles_nothing(tmp_path):
    expected = undisturbed(tmp_path / "undisturbed")
    record = KillSeries(tmp_path / "series", random.Random(1)).run(4, expected)
    assert record.faults == [] and record.kills.total() >= 4
    assert set(record.jobs) == {"done"}
