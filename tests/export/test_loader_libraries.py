"""Exports to torchvision, timm and kornia in a DataLoader with two workers draw what the policy says.

`tests.support.loader_draws` has the tests: a right transform fails one with a probability of at most 1e-6.
"""

from __future__ import annotations

import random
from functools import partial

import pytest
import torch

from policysearch.policy.policy import Policy
from tests.support.loader_draws import BY_LIBRARY, SEQUENCE, WEIGHTED, drawn_in_loader, faults

LIBRARIES = ("torchvision", "timm", "kornia")


def transform(policy, library):
    pytest.importorskip(library)
    options = {} if library == "torchvision" else {"allow_loss": True}
    return partial(BY_LIBRARY[library], getattr(policy, f"to_{library}")(**options))


@pytest.mark.parametrize("library", LIBRARIES)
def test_draws_in_a_loader_are_those_of_the_policy(library):
    streams = drawn_in_loader(SEQUENCE, transform(SEQUENCE.policy, library), epochs=2, images=120)
    assert faults(SEQUENCE, streams) == []


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [SEQUENCE, WEIGHTED], ids=["sequence", "weighted"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_many_draws_in_a_loader_are_those_of_the_policy(library, scenario):
    assert faults(scenario, drawn_in_loader(scenario, transform(scenario.policy, library), images=1200)) == []


def the_same_in_every_worker(worker: int) -> None:
    torch.manual_seed(0)
    random.seed(0)


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_workers_with_one_seed_are_seen(library):
    augment = transform(SEQUENCE.policy, library)
    streams = drawn_in_loader(SEQUENCE, augment, worker_init_fn=the_same_in_every_worker, epochs=2)
    found = faults(SEQUENCE, streams)
    assert any("workers" in fault for fault in found) and any("epochs" in fault for fault in found)


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_policy_with_another_probability_is_seen(library):
    data = SEQUENCE.policy.model_dump(exclude_none=True, by_alias=True)
    data["sub_policies"][0]["steps"][1]["probability"] = 0.5
    streams = drawn_in_loader(SEQUENCE, transform(Policy.from_dict(data), library), epochs=2)
    assert any("frequency of invert" in fault for fault in faults(SEQUENCE, streams))
