"""Moves of large images are slices, those of small ones a gather: the same pixels."""

from __future__ import annotations

import pytest
import torch

from policysearch.augmentation import draw
from policysearch.augmentation.apply import apply, track
from policysearch.augmentation.kernels import pixel_moves
from policysearch.policy.policy import Policy
from policysearch.policy.steps import OneOf, Step, SubPolicy, Uniform
from tests.support.backends import kernels
from tests.support.pictures import pictures

MOVES = OneOf(
    one_of=(
        Step(operation="flip-horizontal"),
        Step(operation="flip-vertical"),
        Step(operation="soft-crop", magnitude=0.4),
        Step(operation="pad-and-crop", magnitude=0.9),
        Step(operation="translate-x", magnitude=Uniform(start=0, stop=1)),
        Step(operation="translate-y-pixels", magnitude=Uniform(start=0, stop=60)),
        Step(operation="identity"),
        Step(operation="invert"),
    )
)


@pytest.fixture(autouse=True)
def not_compiled():
    """Compiled loops have moves of their own."""
    with kernels("torch"):
        yield


@pytest.mark.parametrize("size", [(9, 21), (33, 17), (1, 5)])
def test_slices_equal_gathers(size, generator, monkeypatch):
    images = pictures(3, *size, batch=200)
    drawn = draw(Policy(sub_policies=(SubPolicy(steps=(MOVES,) * 4),)), 200, generator)
    results = []
    for least in (0, 2**40):
        monkeypatch.setattr(pixel_moves, "_SLICED", least)
        results.append((apply(drawn, images), track(drawn, images.float(), fill=-1)))
    (sliced, tracked), (gathered, also) = results
    assert torch.equal(sliced, gathered) and torch.equal(tracked, also)
    assert (tracked == -1).any() and (tracked >= 0).any()


def test_a_slice_one_pixel_away_would_be_noticed(generator, monkeypatch):
    images = pictures(3, 9, 21, batch=200)
    drawn = draw(Policy(sub_policies=(SubPolicy(steps=(MOVES,) * 4),)), 200, generator)
    gathered = apply(drawn, images)
    slide = pixel_moves._slide
    monkeypatch.setattr(pixel_moves, "_SLICED", 0)
    monkeypatch.setattr(pixel_moves, "_slide", lambda source, *rest: slide(source.roll(1, 2), *rest))
    assert not torch.equal(apply(drawn, images), gathered)
