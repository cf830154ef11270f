"""Trainings whose policy is chosen stretch by stretch: the same as under the schedule, and what is measured of them."""

from __future__ import annotations

import math

import pytest
import torch

from policysearch.child.checkpoint import Checkpoint
from policysearch.child.recipe import Recipe
from policysearch.child.stretch_plan import Stretch, planned
from policysearch.child.stretches import Meter, StretchRun
from policysearch.child.training_spec import TrainingSpec
from policysearch.policy.curricula import schedule
from policysearch.policy.policy import Policy
from tests.support.small_children import DropNet, same, small_child, small_data, state_after

NAMES = ("flip-crop", "soft-crop", "entaugment", "trivialaugment-wide")
POLICIES = tuple(map(Policy.preset, NAMES))


def run_of(epochs: int = 4, **recipe: object) -> StretchRun:
    """24 images in batches of 8: 3 steps an epoch."""
    torch.set_num_threads(1)
    settings = Recipe(**{"batch": 8, "checkpoints": 2, **recipe})
    return StretchRun(TrainingSpec(POLICIES[0], small_data(), DropNet, 24, epochs, 3, settings, None, None))


@pytest.fixture(autouse=True)
def _generator():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        yield


def stretches(steps: int, length: int) -> list[Stretch]:
    return [Stretch(first, min(first + length, steps)) for first in range(0, steps, length)]


def test_stretches_by_hand():
    """Three steps an epoch; stretches of steps end with the epoch, so that a training can go on from there."""
    assert planned(5, 3, every=2) == (Stretch(0, 6), Stretch(6, 12), Stretch(12, 15))
    assert planned(2, 3, every_steps=2) == (Stretch(0, 2), Stretch(2, 3), Stretch(3, 5), Stretch(5, 6))
    assert planned(2, 3, every_steps=100) == planned(2, 3, every=1)


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_epochs_under_chosen_policies_are_the_training_under_their_schedule(averaging):
    run = run_of(averaging=averaging)
    run.begin()
    for stretch, policy in zip(stretches(12, 3), POLICIES, strict=True):
        run.stretch(stretch, [policy])
    whole = schedule([(i / 4, policy) for i, policy in enumerate(POLICIES)])
    metrics, kept = small_child(whole, epochs=4, checkpoints=2, averaging=averaging)
    assert same(state_after(run.checkpoint().to_bytes()), state_after(kept[4]))
    assert run.curve == metrics["curve"]


def test_stretches_of_steps_are_the_training_under_their_schedule():
    """Two steps each, so that policies change within epochs."""
    parts, policies = stretches(6, 2), [POLICIES[1], POLICIES[0], POLICIES[3]]
    run = run_of(epochs=2)
    run.begin()
    for stretch, policy in zip(parts, policies, strict=True):
        run.stretch(stretch, [policy])
    whole = schedule([(part.first / 6, policy) for part, policy in zip(parts, policies, strict=True)])
    _, kept = small_child(whole, epochs=2, checkpoints=2)
    assert same(state_after(run.checkpoint().to_bytes()), state_after(kept[2]))


def test_a_training_goes_on_from_its_checkpoint_to_the_last_bit():
    run = run_of()
    run.begin()
    measured = []
    for i, stretch in enumerate(stretches(12, 3)):
        measured.append(run.stretch(stretch, [POLICIES[i]]))
        if i == 1:
            content = run.checkpoint().to_bytes()
    again = run_of()
    again.go_on(Checkpoint.from_bytes(content))
    assert again.step == 6
    assert [again.stretch(part, [POLICIES[i]]) for i, part in enumerate(stretches(12, 3)) if i > 1] == measured[2:]
    assert same(state_after(again.checkpoint().to_bytes()), state_after(run.checkpoint().to_bytes()))


def test_several_policies_side_by_side():
    """One policy twice: the batch holds every image twice, and both parts are measured by themselves."""
    run = run_of(epochs=1)
    run.begin()
    identity = Policy.preset("identity")
    one, other, dark = run.stretch(Stretch(0, 3), [identity, identity, Policy.preset("randaugment:3,30")])
    assert one["loss"] == pytest.approx(other["loss"], rel=0.2)  # dropout draws anew for each part
    assert one["loss"] != other["loss"] != dark["loss"]
    assert run.done == 1 and run.curve[-1]["epoch"] == 1


def test_a_meter_by_hand():
    """Two policies, two images each: probabilities of 1/2, 1/4, 1/4, and uniform ones."""
    peaked, flat = [math.log(2), 0.0, 0.0], [1.0, 1.0, 1.0]
    meter = Meter(2, torch.device("cpu"))
    targets = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0.9, 0.05, 0.05], [0, 0, 1]])
    meter.add(torch.tensor([peaked, peaked, flat, flat]), targets, [torch.tensor(2.0), torch.tensor(1.0)])
    first, second = meter.metrics()
    assert first == pytest.approx(
        {"loss": 2, "entropy": 1.5 * math.log(2), "accuracy": 0.5, "reciprocal_rank": 0.75}, rel=1e-6
    )
    assert second == pytest.approx({"loss": 1, "entropy": math.log(3), "accuracy": 1, "reciprocal_rank": 1}, rel=1e-6)
