"""Policies for images with masks in other libraries: both are moved alike, to the pixel, and what cannot is refused."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from policysearch.augmentation.apply import apply, track
from policysearch.augmentation.sampling import Draw
from policysearch.core.errors import UserError
from policysearch.export.from_albumentations import read
from policysearch.export.registry import EXPORTS, export_to
from policysearch.export.registry import live as live_in
from policysearch.export.to_torchvision import live
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from tests.support.exports import imported
from tests.support.pictures import some_step

MASKS = {"task": "segmentation"}
SIDE = 24
MOVES = sorted(name for name, row in OPERATIONS.items() if row.kind in ("move", "matrix"))
CROPS = sorted(name for name, row in OPERATIONS.items() if row.kind in ("crop", "warp"))
HIDING = sorted(name for name, row in OPERATIONS.items() if row.kind == "mask")


def for_masks(*names: str, **parts: object) -> Policy:
    steps = [some_step(name).model_dump(mode="json") for name in names]
    return Policy.from_dict({"sub_policies": [{"steps": steps}], "about": MASKS, **parts})


def numbered() -> torch.Tensor:
    """[24, 24] uint8, values 1 to 250, none of them 0."""
    return torch.randint(1, 251, (SIDE, SIDE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def same_draw(transform: object) -> Draw:
    """What `transform` drew for one image, as a draw of this program."""
    steps = [(step.operation.__name__.replace("_", "-"), step) for step in transform.draw()]
    names = [name for _, names in groupby(sorted({n for n, _ in steps}, key=_kind), _kind) for name in names]
    order = ("identity", *names)
    width = max((len(step.numbers) for _, step in steps), default=1) or 1
    numbers = torch.zeros(1, len(steps), width)
    for i, (_, step) in enumerate(steps):
        numbers[0, i, : len(step.numbers)] = step.numbers
    operations = torch.tensor([[order.index(name) for name, _ in steps]])
    return Draw(order, operations, torch.stack([step.magnitude for _, step in steps])[None], numbers)


def _kind(name: str) -> str:
    return OPERATIONS[name].kind


def exported(policy: Policy, library: str, folder, **options: object):
    name = f"{library}_masks"
    export_to(policy, library, folder / f"{name}.py", allow_loss=True, force=False)
    text = (folder / f"{name}.py").read_text(encoding="utf-8")
    assert "import policysearch" not in text and "from policysearch" not in text
    return imported(folder / f"{name}.py", name)


@pytest.mark.parametrize("name", [*MOVES, *CROPS, *HIDING])
def test_torchvision_moves_masks_as_the_search_did(name):
    image, transform = numbered()[None], live(for_masks(name))
    torch.manual_seed(1)
    _, mask = transform(image, image[0])
    torch.manual_seed(1)
    ours = track(same_draw(transform.policy), image[None], 255)[0, 0]
    # Turns and slants differ at places that fall between two pixels, in images as in masks.
    allowed = 0.03 if OPERATIONS[name].kind == "matrix" else 0.0
    assert float((mask != ours).float().mean()) <= allowed and mask.dtype == torch.uint8


@pytest.mark.parametrize("name", [*MOVES, *HIDING])
def test_torchvisions_images_and_masks_agree_in_every_pixel(name):
    image = numbered()[None]
    out, mask = live(for_masks(name))(image, image[0])
    assert torch.equal(mask == 255, out[0] == 0) and torch.equal(mask[mask != 255], out[0][mask != 255])


def test_the_exported_file_does_all_steps_and_keeps_colours_from_masks(tmp_path):
    policy = for_masks("flip-horizontal", "invert", "translate-y-pixels", "cutout", "contrast", "pad-and-crop")
    module = exported(policy, "torchvision", tmp_path)
    transform, image = module.LearnedSegmentation(ignore=7), numbered()[None]
    torch.manual_seed(3)
    out, mask = transform(image, image[0])
    torch.manual_seed(3)
    drawn = same_draw(transform.policy)
    assert torch.equal(mask, track(drawn, image[None], 7)[0, 0])
    assert torch.equal(out, apply(drawn, image[None])[0])
    torch.manual_seed(3)
    both = transform.policy(tv_tensors.Image(image), tv_tensors.Mask(image))
    assert torch.equal(both[1], mask[None]) and isinstance(both[1], tv_tensors.Mask)
    torch.manual_seed(3)
    pictures = transform(Image.fromarray(image[0].numpy()), Image.fromarray(image[0].numpy()))
    assert torch.equal(pictures[1], mask) and np.array_equal(np.asarray(pictures[0]), out[0])


@pytest.mark.parametrize("mix", ["cutmix", "mosaic"])
def test_the_exported_file_mixes_masks_with_their_images(mix, tmp_path):
    policy = for_masks("flip-horizontal", mix={"operation": mix, "probability": 0.5})
    transform = exported(policy, "torchvision", tmp_path).LearnedSegmentation()
    torch.manual_seed(0)
    plain = [transform((numbered() + i)[None], numbered() + i) for i in range(5)]
    images, masks = transform.collate(plain)
    assert torch.equal(images[:, 0].long(), masks) and masks.dtype == torch.int64
    changed = [not torch.equal(images[i], plain[i][0]) for i in range(5)]
    assert any(changed) and not all(changed)


def test_samples_that_do_not_fit_are_refused_in_a_sentence():
    transform, image = live(for_masks("flip-horizontal")), numbered()[None]
    for mask, error, sentence in (
        (image[0, :9], ValueError, r"the mask has \[9, 24\] pixels and its image \[24, 24\]"),
        (image[0].float(), TypeError, "whole numbers"),
        (image.expand(3, -1, -1), TypeError, "one channel"),
        (image[0].numpy(), TypeError, "got ndarray uint8"),
    ):
        with pytest.raises(error, match=sentence):
            transform(image, mask)
    with pytest.raises(ValueError, match="single images"):
        transform(image[None], image)
    with pytest.raises(UserError, match="one class per pixel: leave out num_classes"):
        live(for_masks("flip-horizontal"), num_classes=3)


def test_other_policies_leave_masks_as_before():
    plain = for_masks("translate-x-pixels", "cutout").model_copy(update={"about": {}})
    _, mask = live(plain)(tv_tensors.Image(numbered()[None]), tv_tensors.Mask(numbered()[None]))
    assert 255 not in mask.unique()


ALBUMENTATIONS = ["flip-horizontal", "flip-vertical", "rotate", "shear-x", "translate-x", "translate-y-pixels"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ALBUMENTATIONS)
def test_albumentations_moves_both_and_says_what_is_outside(name, tmp_path):
    pytest.importorskip("albumentations")
    module = exported(for_masks(name, "contrast"), "albumentations", tmp_path)
    image = numbered().numpy()
    moved = live_in(for_masks(name), "albumentations", True)(image=image[..., None], mask=image)
    inside = moved["mask"] != 255
    assert np.array_equal(moved["image"][..., 0][inside], moved["mask"][inside])
    assert not moved["image"][..., 0][~inside].any() and not np.array_equal(moved["mask"], image)
    coloured = module.LearnedPolicy(seed=0)(image=image[..., None], mask=image)
    assert set(np.unique(coloured["mask"])) <= {*np.unique(image), 255}
    if name in ("flip-horizontal", "flip-vertical"):
        one = Draw(("identity", name), torch.ones(1, 1).long(), torch.zeros(1, 1), torch.zeros(1, 1, 1))
        assert np.array_equal(coloured["mask"], track(one, numbered()[None, None], 255)[0, 0])


def test_a_file_for_masks_is_read_back_as_the_policy(tmp_path):
    pytest.importorskip("albumentations")
    export_to(for_masks("translate-x", "rotate"), "albumentations", tmp_path / "p.json", allow_loss=True, force=False)
    policy, _ = read((tmp_path / "p.json").read_text(), "p.json", allow_loss=True)
    assert [step.operation for step in policy.sub_policies[0].steps] == ["translate-x", "rotate"]


@pytest.mark.parametrize("name", ["flip-horizontal", "flip-vertical", "rotate", "shear-x", "translate-x", "invert"])
def test_kornia_moves_both_and_says_what_is_outside(name, tmp_path):
    pytest.importorskip("kornia")
    transform = exported(for_masks(name), "kornia", tmp_path).LearnedSegmentation(ignore=255)
    masks = torch.stack([numbered(), numbered().flip(0)])
    torch.manual_seed(2)
    images, moved = transform(masks[:, None] / 255, masks)
    assert moved.dtype == torch.uint8
    if name == "invert":
        assert torch.equal(moved, masks)
        return
    shown = (images[:, 0] * 255).round().to(torch.uint8)
    assert torch.equal(moved == 255, shown == 0) and torch.equal(moved[moved != 255], shown[moved != 255])
    assert not torch.equal(moved, masks)
    with pytest.raises(TypeError, match="whole numbers"):
        transform(masks[:, None] / 255, masks.float())


MOVE_MASKS = {"torchvision", "albumentations", "kornia", "json", "collate"}


@pytest.mark.parametrize("library", sorted(set(EXPORTS) - MOVE_MASKS))
def test_a_library_of_images_alone_is_refused_where_pixels_move(library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="transforms take images alone: masks would stay behind"):
        export_to(for_masks("rotate"), library, None, allow_loss=False, force=False)
    assert not list(tmp_path.iterdir())


def test_masks_may_stay_where_only_colours_change(tmp_path):
    pytest.importorskip("timm")
    export_to(for_masks("contrast"), "timm", tmp_path / "p.py", allow_loss=False, force=False)


@pytest.mark.parametrize("library", ["huggingface", "lightning"])
def test_hooks_of_images_and_labels_are_refused_for_masks(library, tmp_path):
    pasted = for_masks("contrast", mix={"operation": "cutmix"})
    for policy in (for_masks("rotate"), pasted):
        with pytest.raises(UserError, match=f"{library}'s transforms take images alone: masks would stay behind"):
            export_to(policy, library, tmp_path / "p.py", allow_loss=False, force=False)
    with pytest.raises(UserError, match="mixes labels: --to torchvision has one for masks"):
        export_to(pasted, "collate", tmp_path / "p.py", allow_loss=True, force=False)
    assert not list(tmp_path.iterdir())


def test_a_mean_of_colours_leaves_masks_alone():
    policy = for_masks("contrast", mixture={"width": 2})
    _, mask = live(policy)(numbered()[None], numbered())
    assert torch.equal(mask, numbered())
