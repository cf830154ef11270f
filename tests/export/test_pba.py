"""Schedules of Population Based Augmentation read as data: magnitudes, stages and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from policysearch.core.errors import UserError
from policysearch.export import from_pba
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step
from tests.support.mutated_policies import damaged_bytes

PLACES = {"autocontrast": 0, "rotate": 3, "posterize": 4, "solarize": 5, "color": 6, "shear-y": 11, "translate-x": 12,
          "cutout": 14}  # fmt: skip


def row(**steps: tuple[int, int]) -> list[int]:
    """60 numbers, zeros but for (probability in tenths, level) of some operations of the first fifteen."""
    numbers = [0] * 60
    for name, (tenths, level) in steps.items():
        place = 2 * PLACES[name.replace("_", "-")]
        numbers[place : place + 2] = [tenths, level]
    return numbers


def steps_of(policy: Policy) -> tuple[Step, ...]:
    return policy.sub_policies[0].steps[0].some_of


def test_levels_become_the_magnitudes_of_the_authors_code():
    """Worked by hand: level 7 of 10; whole degrees, bits, thresholds and pixels are cut off, not rounded."""
    numbers = row(rotate=(3, 7), posterize=(1, 7), solarize=(2, 7), color=(10, 7), shear_y=(4, 7), translate_x=(5, 7),
                  cutout=(6, 7), autocontrast=(9, 7))  # fmt: skip
    policy, notes = from_pba.read(json.dumps([numbers]), "file")
    magnitudes = {step.operation: (step.probability, step.magnitude, step.signed) for step in steps_of(policy)}
    assert magnitudes == {
        "autocontrast": (0.9, None, True),
        "rotate": (0.3, 21.0, True),
        "posterize": (0.1, 2.0, True),  # 4 - int(2.8)
        "solarize": (0.2, 77.0, True),  # 256 - int(179.2)
        "color": (1.0, pytest.approx(0.36), False),  # a factor of 1.26 + 0.1, never its mirror
        "shear-y": (0.4, pytest.approx(0.21), True),
        "translate-x": (0.5, 7 / 32, True),
        "cutout": (0.6, 14 / 32, True),
    }
    assert policy.sub_policies[0].steps[0].counts == (0.2, 0.3, 0.5) and not policy.stages
    assert "flip, crop by 4" in notes[0]


def test_the_second_copy_follows_the_first():
    numbers = [0] * 60
    numbers[6:8], numbers[36:38] = [3, 5], [4, 9]
    policy, _ = from_pba.read(repr([numbers]), "file")
    assert [(s.operation, s.probability, s.magnitude) for s in steps_of(policy)] == [
        ("rotate", 0.3, 15.0),
        ("rotate", 0.4, 27.0),
    ]


def test_nothing_is_done_where_all_probabilities_are_zero():
    policy, _ = from_pba.read(json.dumps([[0] * 60]), "file")
    assert policy == Policy.preset("identity")


def test_one_operation_is_applied_as_often_as_one_or_two_are_drawn():
    policy, _ = from_pba.read(json.dumps([row(rotate=(3, 7))]), "file")
    assert policy.sub_policies[0].steps[0].counts == (0.2, 0.8)


A, B, C = row(rotate=(1, 1)), row(rotate=(2, 2)), row(rotate=(3, 3))
LINES = [["4", "9", 3, 2, A, B], ["1", "4", 8, 6, B, C]]


@pytest.mark.parametrize("form", [json.dumps, repr])
@pytest.mark.parametrize("config", [lambda numbers: numbers, lambda numbers: {"hp_policy": numbers}])
def test_a_log_gives_the_policies_between_the_epochs_of_those_taken_over(form, config):
    """A for 2 epochs (the epoch of the child taken over, not of the taker), B for 4, C for the other 2 of 8."""
    lines = [[*line[:4], config(line[4]), config(line[5])] for line in LINES]
    policy, _ = from_pba.read("\n".join(map(form, lines)) + "\n", "file", epochs=8)
    assert [stage.start for stage in policy.stages] == [0.25, 0.75]
    wanted = [from_pba.read(json.dumps([numbers]), "file")[0] for numbers in (A, B, C)]
    assert [policy.at(share).sub_policies for share in (0.0, 0.5, 1.0)] == [w.sub_policies for w in wanted]


def test_lines_of_other_children_before_are_passed_over():
    others = [["7", "2", 1, 1, C, C], ["3", "5", 2, 2, C, A]]
    text = "\n".join(map(repr, [*others, *LINES]))
    assert from_pba.read(text, "file", epochs=8) == from_pba.read("\n".join(map(repr, LINES)), "file", epochs=8)


def test_rows_by_epoch_and_rows_with_their_epochs_agree():
    each, _ = from_pba.read(json.dumps([A, A, B, B, B, B, C, C]), "file")
    parts, _ = from_pba.read(repr([(2, A), (4, B), (2, C)]), "file")
    log, _ = from_pba.read("\n".join(map(repr, LINES)), "file", epochs=8)
    assert each == parts == log


@pytest.mark.parametrize(
    ("text", "epochs", "sentence"),
    [
        ("\n".join(map(repr, LINES)), None, "a log, which does not say how long.*give --epochs"),
        ("\n".join(map(repr, LINES)), 5, "must grow from line to line and end at --epochs 5"),
        (repr(["4", "9", 3, 0, A, B]), 0, "--epochs must be 1 or more, got 0"),
        (repr([A[:59]]), None, "row 1: a policy is 60 whole numbers, got 59 entries"),
        (repr([[11, *A[1:]]]), None, "number 1, a probability in tenths, must be a whole number from 0 to 10, got 11"),
        (repr([[0, 2.5, *A[2:]]]), None, "number 2, a level, must be a whole number"),
        (repr([[True, *A[1:]]]), None, "number 1"),
        (repr([(0, A)]), None, "its epochs must be a whole number, 1 or more, got 0"),
        (repr([A, B]), 3, "has 2 epochs, and --epochs is 3"),
        ("import os", None, "is no schedule"),
        ("", None, "is no schedule"),
        ("[]", None, "is no schedule"),
        (repr(["4", "9", 3, -1, A, B]), 8, "line 1: an epoch is a whole number"),
        (repr(["4", "9", 3, 2, A, {"lr": 1}]), 8, "line 1: a policy is 60 whole numbers, got None"),
    ],
)
def test_what_is_no_schedule_is_refused_in_a_sentence(text, epochs, sentence):
    with pytest.raises(UserError, match=sentence):
        from_pba.read(text, "file", epochs=epochs)


def test_damaged_schedules_are_read_or_refused_in_a_sentence():
    rng, refusals = np.random.default_rng(3), 0
    text = "\n".join(map(repr, LINES))
    for _ in range(60):
        damaged = damaged_bytes(text, rng).decode("utf-8", "replace")
        try:
            policy, _ = from_pba.read(damaged, "file", epochs=8)
        except UserError as error:
            refusals += 1
            assert str(error).startswith("file") and len(str(error)) < 400
        else:
            assert Policy.from_dict(json.loads(policy.to_json())) == policy
    assert 10 < refusals < 60
