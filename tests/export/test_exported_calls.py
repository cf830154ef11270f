"""What exported transforms are called with: mixed precision changes no pixel, and what is no image is refused."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision.transforms.v2.functional import to_pil_image

from policysearch.export import to_kornia, to_timm, to_torchvision
from policysearch.export.registry import live
from policysearch.policy.operations import OPERATIONS, SHIPPED_OPERATIONS
from tests.support.exports import imported, policy, real
from tests.support.pictures import some_step

EXPORTERS = {"torchvision": to_torchvision, "kornia": to_kornia, "timm": to_timm}
ONLY_INVERT = policy({"operation": "invert", "probability": 0.01})
"""In most draws nothing is done, and what is no image would pass."""


def written(library, tmp_path, of=ONLY_INVERT):
    """`LearnedPolicy` of the exported file."""
    pytest.importorskip(library)
    path = tmp_path / "learned_policy.py"
    path.write_text(EXPORTERS[library].write(of, "learned_policy"), encoding="utf-8")
    return imported(path).LearnedPolicy()


def outputs(transform, images):
    torch.manual_seed(0)
    return transform(images)


WRITTEN = {"torchvision": SHIPPED_OPERATIONS, "kornia": to_kornia.OPERATIONS}


@pytest.mark.parametrize(
    ("library", "operation"), [(library, name) for library, names in WRITTEN.items() for name in sorted(names)]
)
def test_mixed_precision_changes_no_pixel(library, operation):
    pytest.importorskip(library)
    step = policy(some_step(operation).model_dump())
    transform = live(step, library, True)
    images = real(3, 4) if library == "torchvision" else real(3, 4) / 255
    plain = outputs(transform, images)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(outputs(transform, images), plain)


def test_mixed_precision_changes_no_target(tmp_path):
    geometric = [some_step(name).model_dump() for name in ("rotate", "perspective", "gaussian-blur", "cutout")]
    soft = live(policy(*geometric, softening={"k": 2, "mode": "both"}), "torchvision", False, num_classes=10)
    image = real(3, 1)[0]
    plain = outputs(lambda one: soft(one, 3), image)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = outputs(lambda one: soft(one, 3), image)
    assert all(torch.equal(one, other) for one, other in zip(plain, mixed, strict=True))


def test_half_precision_images_are_augmented_in_float32(tmp_path):
    transform = written("kornia", tmp_path, policy({"operation": "rotate", "magnitude": 20}))
    images = (real(3, 4) / 255).half()
    halved = outputs(transform, images)
    assert halved.dtype == torch.float16
    assert torch.equal(halved, outputs(transform, images.float()).half())


GREY_LEVELS = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
TENSOR = torch.zeros(3, 8, 8, dtype=torch.uint8)
REFUSED = {
    "torchvision": {
        "four channels": (torch.zeros(4, 8, 8, dtype=torch.uint8), "1 or 3 channels, got .*4, 8, 8.*drop the transp"),
        "a batch of four": (torch.zeros(2, 4, 8, 8, dtype=torch.uint8), "1 or 3 channels, got .*2, 4, 8, 8"),
        "two channels": (torch.zeros(2, 8, 8, dtype=torch.uint8), "1 or 3 channels"),
        "channels last": (torch.zeros(8, 8, 3, dtype=torch.uint8), r"permute\(2, 0, 1\)"),
        "a batch, channels last": (torch.zeros(2, 8, 8, 3, dtype=torch.uint8), r"permute\(0, 3, 1, 2\)"),
        "floats": (TENSOR.float(), "put ToDtype after the policy"),
        "an array": (GREY_LEVELS, r"got ndarray uint8 \[8, 8, 3\]: torch.from_numpy"),
        "an array of floats": (GREY_LEVELS / 255, r"got ndarray float64 \[8, 8, 3\]: torch.from_numpy"),
        "an array and a label": ((GREY_LEVELS, torch.tensor(3)), "got ndarray uint8"),
        "a file's name": ("photograph.jpg", "got str"),
        "nothing": (None, "got NoneType"),
        "transparency": (PIL.Image.new("RGBA", (8, 8)), "got RGBA: use image.convert"),
    },
    "kornia": {
        "four channels": (torch.zeros(2, 4, 8, 8), "1 or 3 channels, got .*2, 4, 8, 8.*drop the transparency"),
        "channels last": (torch.zeros(2, 8, 8, 3), r"permute\(0, 3, 1, 2\)"),
        "one image, channels last": (torch.zeros(8, 8, 3), r"permute\(2, 0, 1\)"),
        "grey values": (TENSOR[None], "got Tensor torch.uint8 .*divide them by 255"),
        "an array": (GREY_LEVELS, r"got ndarray uint8 \[8, 8, 3\]: torch.from_numpy"),
        "a picture": (to_pil_image(TENSOR), r"got Image RGB \[8, 8\]"),
    },
    "timm": {
        "an array": (GREY_LEVELS, r"got ndarray uint8 \[8, 8, 3\]: PIL.Image.fromarray"),
        "a tensor": (TENSOR, r"got Tensor torch.uint8 \[3, 8, 8\]"),
        "transparency": (PIL.Image.new("RGBA", (8, 8)), "got RGBA: use image.convert"),
        "a palette": (PIL.Image.new("P", (8, 8)), "got P: use image.convert"),
    },
}


@pytest.mark.parametrize(("library", "case"), [(library, case) for library, cases in REFUSED.items() for case in cases])
def test_what_is_no_image_is_refused_in_every_draw(library, case, tmp_path):
    image, message = REFUSED[library][case]
    transform = written(library, tmp_path)
    torch.manual_seed(0)
    for _ in range(3):
        with pytest.raises((TypeError, ValueError), match=message) as caught:
            transform(image)
        assert "\n" not in str(caught.value)


def test_arrays_are_refused_where_targets_are_softened():
    soft = live(policy({"operation": "invert"}, softening={"k": 2}), "torchvision", False, num_classes=10)
    with pytest.raises(TypeError, match="got ndarray uint8"):
        soft(GREY_LEVELS, 3)


def test_arrays_that_are_no_images_pass_with_an_image(tmp_path):
    image, label, features = written("torchvision", tmp_path)(TENSOR, np.int64(3), np.zeros((2, 5)))
    assert image.shape == TENSOR.shape and label == 3 and features.shape == (2, 5)


@pytest.mark.parametrize("operation", sorted(to_kornia.OPERATIONS))
@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 4)])
def test_kornia_takes_grey_and_small_images_in_every_operation(operation, channels, side):
    pytest.importorskip("kornia")
    row = OPERATIONS[operation]
    transform = live(
        policy({"operation": operation, "magnitude": row.high} if row.unit else {"operation": operation}),
        "kornia",
        True,
    )
    images = real(channels, 2)[..., :side, :side] / 255
    assert transform(images).shape == images.shape and transform(images[:0]).shape == (0, channels, side, side)
