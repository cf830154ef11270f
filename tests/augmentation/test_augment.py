"""`augment` as people call it: whole policies on batches, with progress, and what bad input gets."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from policysearch.augmentation import Draw, augment, draw, replay
from policysearch.augmentation.visibility import visibility
from policysearch.core.errors import UserError
from policysearch.policy.curricula import curriculum, decayed
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.presets import OF_PAIRS, PRESETS
from policysearch.policy.softening import Softening
from policysearch.policy.steps import SomeOf, Step, SubPolicy, Uniform
from tests.support.backends import apply
from tests.support.pictures import pictures, policy_of
from tests.support.random_policies import policies

WITH_LABELS = sorted(set(PRESETS) - set(OF_PAIRS))


@given(policies)
@settings(max_examples=40, deadline=None)
def test_any_policy_keeps_shape_and_input(policy):
    keeps_shape_and_input(policy)


@pytest.mark.slow
@pytest.mark.timeout(900)
@given(policies)
@settings(max_examples=3000, deadline=None)
def test_very_many_policies_keep_shape_and_input(policy):
    keeps_shape_and_input(policy)


def keeps_shape_and_input(policy):
    images = pictures(3, 13, 11)
    before, labels = images.clone(), torch.arange(6) % 3
    for progress in (0.0, 0.6, 1.0):
        results = [
            augment(
                policy,
                images,
                labels,
                num_classes=3,
                generator=torch.Generator().manual_seed(5),
                progress=progress,
            )
            for _ in range(2)
        ]
        first, second = results
        assert torch.equal(images, before)
        assert first.images.shape == images.shape and first.images.dtype == torch.uint8
        assert torch.equal(first.images, second.images) and torch.equal(first.targets, second.targets)
        again = replay(policy, first.draw, images, labels, num_classes=3, progress=progress)
        assert torch.equal(again.images, first.images) and torch.equal(again.weights, first.weights)
        assert torch.allclose(first.targets.sum(1), torch.ones(6), atol=1e-4)
        assert torch.isfinite(first.targets).all() and (first.weights >= 0).all()
        assert ((first.visibility >= 0) & (first.visibility <= 1)).all()


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (17, 40)])
@pytest.mark.parametrize("name", WITH_LABELS)
def test_presets_batched_equal_one_by_one(name, size, generator):
    images = pictures(3, *size, batch=16)
    policy = Policy.preset(name).model_copy(update={"mixture": None})
    found = draw(policy, 16, generator)
    together, seen = apply(found, images), visibility(found, images)
    for i in range(16):
        one = found.rows(slice(i, i + 1))
        assert torch.equal(apply(one, images[i : i + 1])[0], together[i])
        assert torch.allclose(visibility(one, images[i : i + 1])[0], seen[i], atol=1e-6)


def test_augmix_is_the_weighted_mean_of_its_chains(generator):
    images = pictures(3, 16, 16, batch=5)
    out = augment(Policy.preset("augmix"), images, torch.zeros(5).long(), num_classes=2, generator=generator)
    for i in range(5):
        total = images[i].double() * out.draw.mixture[i, 0].double()
        for chain in range(3):
            row = slice(3 * i + chain, 3 * i + chain + 1)
            one = apply(out.draw.rows(row), images[i : i + 1])[0]
            total += one.double() * out.draw.mixture[i, chain + 1].double()
        assert (out.images[i].double() - total).abs().max() < 0.51


@pytest.mark.parametrize("batch", [0, 1])
@pytest.mark.parametrize("name", WITH_LABELS)
def test_empty_and_single_batches(name, batch, generator):
    images = pictures(1, 10, 10, batch=2)[:batch]
    labels = torch.zeros(batch, dtype=torch.long)
    out = augment(Policy.preset(name), images, labels, num_classes=4, generator=generator)
    assert out.images.shape == images.shape and out.targets.shape == (batch, 4)
    assert out.weights.shape == out.visibility.shape == (batch,)


def test_steps_of_one_sub_policy_are_applied_in_order(generator):
    """Solarize below 128 after a posterize to 1 bit is not the other way round: 100 -> 0 -> 0, 100 -> 100 -> 0."""
    images = torch.tensor([100, 200], dtype=torch.uint8).view(2, 1, 1, 1)
    one, other = Step(operation="invert"), Step(operation="posterize", magnitude=1)
    labels = torch.zeros(2).long()
    first = augment(policy_of(one, other), images, labels, num_classes=2, generator=generator)
    second = augment(policy_of(other, one), images, labels, num_classes=2, generator=generator)
    assert first.images.flatten().tolist() == [128, 0] and second.images.flatten().tolist() == [255, 127]


ADAPTIVE = {"policy": Policy.preset("entaugment")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(2, 1, 8, 8)}, "uint8"),
        ({"images": torch.zeros(2, 8, 8, dtype=torch.uint8)}, r"\[B, C, H, W\]"),
        ({"labels": torch.zeros(3).long()}, r"int64 \[2\]"),
        ({"labels": torch.zeros(2)}, "int64"),
        ({"labels": torch.tensor([0, 2])}, r"labels must lie in 0\.\.1"),
        ({"progress": 1.2}, "progress"),
        ({"images": torch.zeros(2, 1, 1, 1, dtype=torch.uint8).expand(2, 1, 4096, 4096)}, "16 million pixels"),
        ({"progress": float("nan")}, "progress"),
        ({"progress": "half"}, "progress"),
        ({"policy": "soft-crop"}, "policy must be a Policy"),
        ({"generator": None}, "torch.Generator, got a builtins.NoneType"),
        ({"num_classes": 0}, "num_classes"),
        ({"images": np.zeros((2, 1, 8, 8), np.uint8)}, "torch tensor uint8 .* got a numpy.ndarray"),
        ({"labels": [0, 1]}, "labels must be a torch tensor"),
        ({"images": np.zeros((2, 8, 8, 3), np.uint8)}, r"got a numpy.ndarray uint8 \[2, 8, 8, 3\]: torch.from_numpy"),
        ({"images": torch.zeros(2, 8, 8, 3, dtype=torch.uint8)}, "permute"),
        ({"images": torch.zeros(2, 8, 8, 4, dtype=torch.uint8)}, "permute"),
        ({"images": torch.zeros(2, 4, 8, 8, dtype=torch.uint8)}, r"1 or 3 channels, got 4 .* drop the transparency"),
        ({"images": torch.zeros(2, 2, 8, 8, dtype=torch.uint8)}, "1 or 3 channels, got 2"),
        ({"activation_maps": -torch.ones(2, 4, 4)}, "0 or more, the least is -1"),
        ({"activation_maps": torch.full((2, 4, 4), float("nan"))}, "finite"),
        (
            {"shares": torch.ones(2)},
            "shares are for adaptive policies, such as entaugment; flip-crop draws its magnitudes",
        ),
        ({**ADAPTIVE, "shares": torch.ones(3)}, r"shares must be a torch tensor of floats \[2\]"),
        ({**ADAPTIVE, "shares": [0.5, 0.5]}, "shares must be a torch tensor"),
        ({**ADAPTIVE, "shares": torch.tensor([0.5, 1.5])}, r"in \[0, 1\], or be nan, got 0.5\.\.1.5"),
    ],
)
def test_wrong_input_is_refused(change, message, generator):
    arguments = {
        "policy": Policy.preset("flip-crop"),
        "images": torch.zeros(2, 1, 8, 8, dtype=torch.uint8),
        "labels": torch.zeros(2).long(),
        "num_classes": 2,
        "generator": generator,
    }
    with pytest.raises(UserError, match=message):
        augment(**(arguments | change))


def test_a_draw_of_other_images_is_refused(generator):
    images, labels = pictures(1, 8, 8), torch.zeros(6).long()
    for name in ("trivialaugment-wide", "augmix"):
        found = draw(Policy.preset(name), 5, generator)
        with pytest.raises(UserError, match="the draw is for 5 images, got 6"):
            replay(Policy.preset(name), found, images, labels, num_classes=2)
    with pytest.raises(UserError, match="kinds stand together"):
        Draw(("identity", "rotate", "equalize", "shear-x"), found.operations, found.magnitudes, found.numbers)


def test_large_images_are_applied_in_parts_with_the_same_result(generator):
    """96 images of 128×128×3 are above the size from which a batch is cut in parts."""
    images = pictures(3, 128, 128, batch=96)
    found = draw(Policy.preset("randaugment"), 96, generator)
    together = apply(found, images)
    assert all(torch.equal(apply(found.rows(slice(i, i + 1)), images[i : i + 1])[0], together[i]) for i in range(96))


def test_one_class_is_sure(generator):
    softening = Softening(p_min=0, mode="target")
    policy = policy_of(Step(operation="translate-x", magnitude=0.5), softening=softening)
    out = augment(policy, pictures(1, 8, 8), torch.zeros(6).long(), num_classes=1, generator=generator)
    assert out.targets.tolist() == [[1.0]] * 6


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", WITH_LABELS)
def test_the_device_is_kept(name):
    images, labels = pictures(3, 16, 16).cuda(), torch.zeros(6).long().cuda()
    out = augment(Policy.preset(name), images, labels, num_classes=2, generator=torch.Generator("cuda").manual_seed(0))
    assert all(part.is_cuda for part in (out.images, out.targets, out.weights, out.visibility))
    with pytest.raises(UserError, match="generator must be on"):
        augment(Policy.preset(name), images, labels, num_classes=2, generator=torch.Generator())


# Progress.


def test_a_stage_holds_from_its_start():
    dark, light = (SubPolicy(steps=(Step(operation=name),)) for name in ("invert", "equalize"))
    policy = Policy(
        sub_policies=(SubPolicy(),),
        stages=tuple(Stage(start=s, sub_policies=(sub,)) for s, sub in ((0.25, dark), (0.5, light))),
    )
    names = [
        policy.at(p).sub_policies[0].steps[0].operation if policy.at(p).sub_policies[0].steps else ""
        for p in (0, 0.2499, 0.25, 0.4, 0.5, 1)
    ]
    assert names == ["", "", "invert", "invert", "equalize", "equalize"]
    assert policy.at(0.3) is policy.at(0.4) and not policy.at(0).stages


def test_sigma_decays_at_the_end():
    """Section B.1: σ divided by 1000 in the last 20 of 500 epochs; what is left moves no pixel."""
    policy = decayed(Policy.preset("soft-crop"), "soft-crop", start=0.96, factor=1000)
    images, labels = pictures(1, 32, 32, batch=64), torch.zeros(64).long()
    g = torch.Generator().manual_seed(0)
    early = augment(policy, images, labels, num_classes=10, generator=g, progress=0.9599)
    late = augment(policy, images, labels, num_classes=10, generator=g, progress=0.96)
    assert early.weights.mean() < 0.95 and (late.weights == 1).all()
    assert all(
        torch.equal(out, image) or torch.equal(out, image.flip(2))
        for out, image in zip(late.images, images, strict=True)
    )
    with pytest.raises(UserError, match="no step of identity"):
        decayed(Policy.preset("identity"), "soft-crop")
    for wrong in ({"factor": 0.1}, {"factor": 0}, {"start": 1.0}, {"start": 2}):
        with pytest.raises(UserError, match="start must lie"):
            decayed(Policy.preset("soft-crop"), "soft-crop", **wrong)
    with pytest.raises(UserError, match="whole number"):
        curriculum(Policy.preset("soft-crop"), stages=2.5)
    assert Policy.from_dict(json.loads(policy.to_json())) == policy


def test_a_curriculum_grows_from_neutral_to_full():
    policy = curriculum(
        policy_of(
            Step(operation="rotate", magnitude=30), Step(operation="solarize", magnitude=Uniform(start=256, stop=56))
        ),
        stages=4,
    )
    steps = [policy.at(p).sub_policies[0].steps for p in (0, 0.26, 0.51, 0.76, 1)]
    assert [s[0].magnitude for s in steps] == [7.5, 15, 22.5, 30, 30]
    assert [(s[1].magnitude.start, s[1].magnitude.stop) for s in steps][:2] == [(256, 206), (256, 156)]
    wide = curriculum(Policy.preset("trivialaugment-wide"), stages=3)
    assert len(wide.stages) == 2 and wide.at(1).sub_policies == Policy.preset("trivialaugment-wide").sub_policies


def test_population_based_augmentations_schedule_can_be_written():
    """Epochs with (operation, probability, magnitude) triples: a stage each, of one `some_of`."""

    def steps(p: float) -> tuple[SubPolicy, ...]:
        return (
            SubPolicy(
                steps=(
                    SomeOf(
                        some_of=(
                            Step(operation="invert", probability=p),
                            Step(operation="rotate", probability=p, magnitude=9),
                        )
                    ),
                )
            ),
        )

    policy = Policy(sub_policies=steps(0.0), stages=(Stage(start=0.5, sub_policies=steps(1.0)),))
    images, labels = pictures(1, 8, 8, batch=400), torch.zeros(400).long()
    out = [
        augment(policy, images, labels, num_classes=2, generator=torch.Generator().manual_seed(1), progress=p)
        for p in (0.1, 0.9)
    ]
    assert (out[0].draw.operations == 0).all()
    number = (out[1].draw.operations != 0).sum(1).bincount(minlength=3) / 400
    assert number.tolist() == pytest.approx([0.2, 0.3, 0.5], abs=0.1)


def test_softening_that_sees_all_and_nothing(generator):
    images, labels = pictures(1, 8, 8), torch.zeros(6).long()
    plain = augment(policy_of(softening=Softening(mode="both")), images, labels, num_classes=3, generator=generator)
    assert (plain.weights == 1).all() and (plain.targets[:, 0] == 1).all()
    gone = policy_of(Step(operation="translate-x", magnitude=1), softening=Softening(k=2, mode="both"))
    out = augment(gone, images, labels, num_classes=4, generator=generator)
    assert out.targets.tolist() == [[0.25] * 4] * 6 and out.weights.tolist() == [0.25] * 6
