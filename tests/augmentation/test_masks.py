"""Masks go where their pixels go, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from policysearch.augmentation import augment, augment_masks
from policysearch.augmentation.segmentation import drawn_masks
from policysearch.core.errors import UserError
from policysearch.policy.operations import SHIPPED_OPERATIONS, operation
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset

SHAPE = (6, 1, 16, 20)
KINDS = {name: operation(name).kind for name in sorted(SHIPPED_OPERATIONS)}


def of_kinds(*kinds: str) -> list[str]:
    return [name for name, kind in KINDS.items() if kind in kinds]


def one_step(name: str, **parts: object) -> Policy:
    row = operation(name)
    magnitude = {} if row.standard is None else {"magnitude": (row.standard[0] + row.standard[1]) / 2}
    return Policy.from_dict({"sub_policies": [{"steps": [{"operation": name, **magnitude}]}], **parts})


def numbered() -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose values are 1 to 250, none of them 0, and masks of the same numbers."""
    values = torch.randint(1, 251, SHAPE, generator=torch.Generator().manual_seed(0))
    return values.to(torch.uint8), values[:, 0]


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", of_kinds("move", "matrix"))
def test_a_mask_of_the_images_own_values_moves_as_the_image(name):
    images, masks = numbered()
    out = augment_masks(one_step(name), images, masks, seeded())
    outside = out.images[:, 0] == 0
    assert torch.equal(out.masks[~outside], out.images[:, 0][~outside].long())
    assert bool((out.masks[outside] == 255).all())
    assert not torch.equal(out.masks, masks)


@pytest.mark.parametrize("name", of_kinds("crop", "warp"))
def test_what_interpolates_images_takes_masks_from_the_nearest_pixel(name):
    """Of two halves the mask has the class that the smoothed image is nearer to, wherever that is plain."""
    images = torch.full(SHAPE, 10, dtype=torch.uint8)
    images[..., SHAPE[3] // 2 :] = 210
    masks = (images[:, 0] > 100).long() * 4
    out = augment_masks(one_step(name), images, masks, seeded())
    assert set(out.masks.unique().tolist()) <= {0, 4, 255}
    plain = (out.masks != 255) & ((out.images[:, 0] - 110.0).abs() > 80) & (out.images[:, 0] > 8)
    assert bool(plain.any())
    assert torch.equal(out.masks[plain] == 4, out.images[:, 0][plain] > 100)


@pytest.mark.parametrize("name", of_kinds("mask"))
def test_what_is_hidden_has_no_class(name):
    images, masks = numbered()
    out = augment_masks(one_step(name), images, masks, seeded())
    hidden = out.images[:, 0] == 0
    assert bool(hidden.any()) and torch.equal(out.masks == 255, hidden)
    assert torch.equal(out.masks[~hidden], masks[~hidden])


@pytest.mark.parametrize("name", of_kinds("identity", "table", "filter"))
def test_colours_leave_masks_alone(name):
    images, masks = numbered()
    assert torch.equal(augment_masks(one_step(name), images, masks, seeded()).masks, masks)


@pytest.mark.parametrize("name", ["cutmix", "mosaic"])
def test_masks_are_mixed_with_their_images(name):
    images, masks = numbered()
    policy = Policy.from_dict({"sub_policies": [{}], "mix": {"operation": name, "probability": 0.7}})
    out, drawn = drawn_masks(policy, images, masks, seeded(2))
    assert torch.equal(out.masks, out.images[:, 0].long())
    alone = ~drawn.mix.applied
    assert bool(alone.any()) and torch.equal(out.masks[alone], masks[alone])
    assert not torch.equal(out.masks[~alone], masks[~alone])


@pytest.mark.parametrize("policy", ["trivialaugment-wide", "flip-crop", "randaugment"])
def test_images_are_those_that_augment_gives(policy):
    images, masks = numbered()
    plain = augment(preset(policy), images, torch.zeros(6, dtype=torch.int64), num_classes=2, generator=seeded())
    assert torch.equal(augment_masks(preset(policy), images, masks, seeded()).images, plain.images)


def test_another_number_is_put_where_nothing_is():
    shift = {"operation": "translate-x-pixels", "magnitude": 2, "signed": False}
    policy = Policy.from_dict({"sub_policies": [{"steps": [shift]}]})
    images, masks = numbered()
    moved = augment_masks(policy, images, masks, seeded(), ignore=-100).masks
    assert bool((moved[..., :2] == -100).all()) and torch.equal(moved[..., 2:], masks[..., :-2])
    small = augment_masks(policy, images, images[:, 0], seeded(), ignore=0).masks
    assert small.dtype == torch.uint8 and int(small[..., :2].max()) == 0


def test_a_mean_of_colours_leaves_masks_alone():
    images, masks = numbered()
    policy = one_step("contrast", mixture={"width": 2})
    out = augment_masks(policy, images, masks, seeded())
    assert torch.equal(out.masks, masks) and not torch.equal(out.images, images)


FLIP = [{"steps": [{"operation": "flip-horizontal"}]}]


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (preset("augmix"), "averages several draws, whose moves leave no one place for a mask"),
        (preset("soft-crop"), "softens the target of an image"),
        (preset("entaugment"), "adapts to the class"),
        (preset("simsiam-sa1"), "weighs pairs of views"),
        *(
            (
                Policy.from_dict({"sub_policies": FLIP, "mix": {"operation": name}}),
                f"mixes by {name}.*cutmix and mosaic",
            )
            for name in ("mixup", "sample-pairing", "snapmix", "line-join", "glyph-paste")
        ),
        (Policy.from_dict({"sub_policies": FLIP, "classes": {"1": {"sub_policies": FLIP}}}), "parts for some classes"),
    ],
)
def test_what_means_nothing_for_masks_is_refused_by_name(policy, sentence):
    images, masks = numbered()
    with pytest.raises(UserError, match=sentence):
        augment_masks(policy, images, masks, seeded())


def test_bad_masks_are_refused_in_a_sentence():
    images, masks = numbered()
    for wrong, sentence in (
        (masks[:, None], r"\[6, 16, 20\], one per image, got torch.int64 \[6, 1, 16, 20\]"),
        (masks[:5], r"\[6, 16, 20\]"),
        (masks.float(), "whole numbers"),
        (np.zeros((6, 16, 20), np.uint8), "torch.from_numpy"),
        (masks > 9, "booleans"),
    ):
        with pytest.raises(UserError, match=sentence):
            augment_masks(preset("identity"), images, wrong, seeded())
    with pytest.raises(UserError, match=r"ignore must be a number that torch.uint8 holds, 0..255, got 256"):
        augment_masks(preset("identity"), images, images[:, 0], seeded(), ignore=256)
