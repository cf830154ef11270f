"""How much can still be seen: against counting the pixels of a transformed index image, and by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policysearch.augmentation import Draw, augment, draw
from policysearch.augmentation.apply import Group, apply, track
from policysearch.augmentation.kernels.fiducials import WARPS
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.augmentation.visibility import _rule, visibility
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import OneOf, SomeOf, Step, SubPolicy, Uniform
from tests.support.backends import BACKENDS, kernels
from tests.support.pictures import fixed, pictures, policy_of, some_step
from tests.support.random_policies import policies

COUNTED = sorted(name for name, row in OPERATIONS.items() if row.visibility == "counted")
RESAMPLED = {name for name, row in OPERATIONS.items() if row.kind in ("crop", "warp")}


def black(height: int, width: int, batch: int) -> torch.Tensor:
    return torch.zeros(batch, 1, height, width, dtype=torch.uint8)


def count_visible(found: Draw, height: int, width: int) -> torch.Tensor:
    """By hand: an image of distinct codes, in two uint8 planes that go through `apply`, and its surviving codes."""
    codes = torch.arange(1, height * width + 1)
    planes = torch.stack([codes // 256, codes % 256]).to(torch.uint8).view(1, 2, height, width)
    out = apply(found, planes.repeat(len(found), 1, 1, 1)).long().flatten(2)
    seen = out[:, 0] * 256 + out[:, 1]
    return torch.tensor([(row.unique() > 0).sum() / (height * width) for row in seen])


@pytest.mark.parametrize("size", [(32, 32), (12, 20)])
def test_visibility_counts_pixels(size, generator):
    """Over random sequences of one to four geometric steps and masks; resampled crops blend codes, see below."""
    nearest = [name for name in COUNTED if name not in RESAMPLED]
    steps = tuple(some_step(name) for name in nearest)
    policy = policy_of(SomeOf(some_of=steps, counts=(0, 0.3, 0.3, 0.2, 0.2)))
    found = draw(policy, 300, generator)
    assert torch.allclose(visibility(found, black(*size, 300)), count_visible(found, *size), atol=1e-6)


@pytest.mark.parametrize("name", COUNTED)
def test_visibility_of_every_operation_alone_and_after_another(name, generator):
    for first in ("rotate", "flip-vertical"):
        if name in RESAMPLED:
            continue
        found = draw(policy_of(some_step(first), some_step(name)), 40, generator)
        assert torch.allclose(visibility(found, black(16, 24, 40)), count_visible(found, 16, 24), atol=1e-6)


@pytest.mark.parametrize("name", sorted(name for name in RESAMPLED if OPERATIONS[name].kind == "crop"))
def test_a_resampled_crop_shows_what_its_box_holds(name, generator):
    found = draw(policy_of(some_step(name)), 100, generator)
    boxes = KERNELS[name](black(30, 20, 1), found.magnitudes[:, 0], found.numbers[:, 0])
    low, high = boxes[:, :2].clamp(min=0), torch.minimum(boxes[:, :2] + boxes[:, 2:], torch.tensor([30.0, 20.0]))
    assert torch.allclose(visibility(found, black(30, 20, 100)), (high - low).clamp(min=0).prod(1) / 600)


@pytest.mark.parametrize("name", sorted(WARPS))
def test_a_warp_shows_the_pixels_nearest_to_its_places(name, generator):
    found = draw(policy_of(some_step(name)), 30, generator)
    y, x = KERNELS[name](black(12, 40, 30), found.magnitudes[:, 0], found.numbers[:, 0]).round().long().unbind(1)
    read = torch.tensor([len(row.unique()) / 480 for row in (y * 40 + x).flatten(1)])
    assert torch.allclose(visibility(found, black(12, 40, 30)), read) and (read < 1).all()


def test_a_moved_mask_and_a_masked_move_are_not_a_product():
    """Half of the image shifted out on the left, then the rest shifted back: half is gone, not a quarter."""
    away, back = Step(operation="translate-x", magnitude=0.5), Step(operation="translate-x", magnitude=0.5)
    found = draw(policy_of(away, back), 1, torch.Generator().manual_seed(0))
    magnitudes = torch.tensor([[0.5, -0.5]])
    there_and_back = Draw(found.names, found.operations, magnitudes, found.numbers)
    assert visibility(there_and_back, black(32, 32, 1)).item() == pytest.approx(0.5)


def test_visibility_of_known_crops():
    assert visibility(fixed("translate-x-pixels", 8, 1), black(32, 32, 1)).item() == pytest.approx(0.75)
    assert visibility(fixed("cutout", 0.5, 1), black(32, 32, 1)).item() == pytest.approx(0.75)
    assert visibility(fixed("flip-vertical", 0, 1), black(32, 32, 1)).item() == 1


@pytest.mark.parametrize(
    ("name", "magnitude", "channels", "expected"),
    [
        ("noise", -0.25, 1, 0.75),
        ("noise", 1.0, 1, 0.0),
        ("gaussian-blur", 2.0, 1, 0.75),
        ("gaussian-blur", 60.0, 1, 0.0),
        ("color", -1.0, 3, 1 / 3),
        ("color", 0.9, 3, 1.0),
        ("color", -1.0, 1, 1.0),
        ("grayscale", 0.0, 3, 1 / 3),
        ("grayscale", 0.0, 1, 1.0),
        ("sharpness", 0.5, 1, 1.0),
        ("sharpness", -1.0, 1, 1 - 4 * math.sqrt(6 / 13) / 32),
        ("hue", 0.4, 3, 1.0),
        ("invert", 0.0, 3, 1.0),
        ("posterize", 4.0, 1, 0.5),
        ("posterize", 0.0, 1, 0.0),
        ("brightness", -1.0, 3, 0.0),
    ],
)
def test_visibility_by_formula_and_by_information(name, magnitude, channels, expected):
    """On images in which all 256 values are as frequent, so that a table's information is worked out by hand."""
    ramp = torch.arange(256, dtype=torch.uint8).repeat(4).view(1, 1, 32, 32).repeat(1, channels, 1, 1)
    assert visibility(fixed(name, magnitude, 1), ramp).item() == pytest.approx(expected, abs=1e-5)


def test_information_is_the_entropy_ratio_scipy_gives():
    from scipy.stats import entropy

    images = pictures(3, 20, 20)
    for name, magnitude in (("contrast", 0.8), ("solarize", 120.0), ("equalize", 0.0), ("brightness", 0.9)):
        after = apply(fixed(name, magnitude, 6), images)
        seen = visibility(fixed(name, magnitude, 6), images)
        for image, changed, share in zip(images[1:], after[1:], seen[1:], strict=True):
            bits = [sum(entropy(plane.flatten().bincount()) for plane in one) for one in (image, changed)]
            assert share.item() == pytest.approx(bits[1] / bits[0], abs=1e-5)
        assert seen[0] == 1, "a flat image has nothing to lose"


def test_unlike_steps_multiply(generator):
    policy = policy_of(Step(operation="translate-x", magnitude=0.5), Step(operation="noise", magnitude=0.5))
    out = augment(policy, pictures(1, 32, 32), torch.zeros(6).long(), num_classes=2, generator=generator)
    assert torch.allclose(out.visibility, torch.full((6,), 0.25))


def test_a_mixture_shows_the_weighted_mean_of_its_chains(generator):
    shift = SubPolicy(steps=(Step(operation="translate-x", magnitude=0.5),))
    policy = Policy.preset("augmix").model_copy(update={"sub_policies": (shift,)})
    out = augment(policy, pictures(1, 8, 8), torch.zeros(6).long(), num_classes=2, generator=generator)
    assert torch.allclose(out.visibility, out.draw.mixture[:, 0] + 0.5 * (1 - out.draw.mixture[:, 0]), atol=1e-6)


# Shortcuts give what the long way gives, to the last bit.

SEEN_PARTS = {
    "anything": sorted(OPERATIONS),
    "geometry and masks": COUNTED,
    "no warps": sorted(name for name, row in OPERATIONS.items() if row.kind != "warp"),
}


def the_long_way(found: Draw, images: torch.Tensor) -> torch.Tensor:
    """Every image's index image and pixels through every step, one step after the other, by torch."""
    batch, _, height, width = images.shape
    index = torch.arange(height * width, dtype=torch.int32).expand(batch, 1, -1).reshape(batch, 1, height, width)
    left = track(found, index, fill=-1).view(batch, -1).long()
    seen = torch.zeros(batch, height * width + 1).scatter_(1, left + 1, 1.0)[:, 1:].mean(1)

    shares = torch.ones(batch)
    for step in range(found.operations.shape[1]):
        for place, name in enumerate(found.names):
            rows = (found.operations[:, step] == place).nonzero().flatten()
            rule = _rule(name)
            if len(rows) and rule:
                group = Group(name, 0, len(rows), found.magnitudes[rows, step], found.numbers[rows, step])
                shares[rows] *= rule(group, images[rows])
        images = apply(found.steps(step, step + 1), images)
    return seen * shares.clamp(0, 1)


def anything(name: str) -> Step:
    row = OPERATIONS[name]
    return Step(operation=name, magnitude=Uniform(start=row.low, stop=row.high) if row.has_magnitude else None)


@pytest.mark.parametrize("size", [(3, 32, 32), (1, 13, 11), (3, 9, 21), (3, 1, 9), (1, 1, 1), (3, 50, 3)], ids=str)
@pytest.mark.parametrize("names", SEEN_PARTS.values(), ids=SEEN_PARTS)
def test_both_backends_see_what_the_long_way_sees(names, size, generator):
    choice = OneOf(one_of=tuple(anything(name) for name in names))
    found = draw(Policy(sub_policies=(SubPolicy(steps=(choice,) * 4),)), 60, generator)
    images = pictures(*size, batch=60)
    with kernels("torch"):
        expected = the_long_way(found, images)
    for backend in BACKENDS:
        with kernels(backend):
            assert torch.equal(visibility(found, images), expected), backend


@given(policies, st.sampled_from([(3, 12, 17), (1, 16, 16)]))
@settings(max_examples=15)
def test_any_policy_is_seen_as_by_the_long_way(policy, size):
    found, images = draw(policy, 24, torch.Generator().manual_seed(5)), pictures(*size, batch=24)
    if policy.mixture is not None:
        images = images.repeat_interleave(policy.mixture.width, 0)
    with kernels("torch"):
        expected = the_long_way(found, images)
    for backend in BACKENDS:
        with kernels(backend):
            assert torch.equal(visibility(found, images), expected), backend
