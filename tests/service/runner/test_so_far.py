"""What a search may say before it has ended."""

from __future__ import annotations

import numpy as np
import pytest

from policysearch.experiments.search.verdict import WinnerVerdict
from policysearch.policy.presets import preset
from policysearch.policy.spaces import Arm
from policysearch.service.runner.so_far import lead_of
from policysearch.stats.paired import student_pair

ARM = Arm({"family": "flip-crop"}, preset("flip-crop"))
GAPS = {"identity": (0.04, 0.06), "randaugment": (0.01, 0.03)}


def verdict() -> WinnerVerdict:
    pairs = {name: student_pair(ARM.name, name, np.array(gaps), np.zeros(2)) for name, gaps in GAPS.items()}
    return WinnerVerdict(ARM, "wins", ARM.name, pairs, f"{ARM.name} wins")


def test_nobody_wins_while_the_confirmation_goes_on():
    lead = lead_of(verdict(), "accuracy", over=False, done=5, total=14)
    assert "wins" not in lead.sentence and "after 5 of 14 trainings" in lead.sentence and lead.may_be_chance


def test_the_verdict_is_said_when_it_has_ended():
    lead = lead_of(verdict(), "accuracy", over=True)
    assert lead.sentence == f"{ARM.name} wins" and not lead.may_be_chance


def test_the_lead_is_the_one_over_the_strongest_fixed_policy():
    lead = lead_of(verdict(), "accuracy", over=True)
    assert lead.over == "randaugment" and lead.mean == pytest.approx(0.02) and lead.low < lead.mean < lead.high
