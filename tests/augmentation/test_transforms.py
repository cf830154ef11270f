"""Policies as transforms for trainings of one's own."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from policysearch.augmentation import augment
from policysearch.augmentation.batch import applied
from policysearch.augmentation.sampling import draw
from policysearch.core.errors import UserError
from policysearch.policy.policy import Policy

POLICY = Policy.preset("trivialaugment-wide")
FLIP = {"sub_policies": [{"steps": [{"operation": "flip-horizontal"}]}]}
STAGED = Policy.from_dict({"sub_policies": [{"steps": []}], "stages": [{"start": 0.5, **FLIP}]})


def pictures(count: int = 3) -> torch.Tensor:
    return torch.randint(256, (count, 3, 8, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_every_kind_of_image_gets_the_same_pixels():
    image = pictures(1)[0]
    torch.manual_seed(3)
    expected = applied(draw(POLICY, 1, torch.default_generator), image[None])[0]
    array = image.permute(1, 2, 0).numpy()
    transform = POLICY.to_transform()
    results = []
    for given in (image, array, Image.fromarray(array), image.double() / 255, image[None]):
        torch.manual_seed(3)
        results.append(transform(given))
    assert torch.equal(results[0], expected) and torch.equal(results[4][0], expected)
    assert all(np.array_equal(np.asarray(result), expected.permute(1, 2, 0)) for result in results[1:3])
    assert results[3].dtype == torch.float64 and torch.equal((results[3] * 255).round().byte(), expected)
    assert torch.equal(image, pictures(1)[0])


def test_grey_images_keep_their_shape():
    grey = pictures(1)[0, 0].numpy()
    transform = POLICY.to_transform()
    assert transform(grey).shape == (8, 6) and transform(Image.fromarray(grey)).mode == "L"
    assert transform(grey[:, :, None]).shape == (8, 6, 1)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (Image.new("RGBA", (4, 4)), r"of mode L or RGB, got RGBA: image.convert\('RGB'\)"),
        (np.zeros((4, 4, 3), np.float32), r"uint8 \[H, W\] or \[H, W, C\], got float32"),
        (torch.full((3, 4, 4), 1.5), r"must be in \[0, 1\], got 1.5 to 1.5: augment before normalising"),
        (torch.full((3, 4, 4), float("nan")), "augment before normalising"),
        (torch.zeros(4, 4, dtype=torch.uint8), "images must be"),
        ("cat.png", "got str"),
    ],
)
def test_what_is_no_image_is_refused(image, sentence):
    with pytest.raises(UserError, match=sentence):
        POLICY.to_transform()(image)


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("soft-crop", "softens targets by what can be seen, which a transform of images without labels cannot"),
        ("simsiam-sa1", "weighs two views"),
        ("entaugment", "asks the network for magnitudes"),
    ],
)
def test_what_needs_labels_is_refused(policy, sentence):
    with pytest.raises(UserError, match=sentence):
        Policy.preset(policy).to_transform()


def test_a_mix_of_a_late_stage_is_refused_and_may_be_left_out():
    late = {"start": 0.5, "sub_policies": [{"steps": []}], "mix": {"operation": "cutmix"}}
    policy = Policy.from_dict({"name": "late", **FLIP, "stages": [late]})
    with pytest.raises(UserError, match=r"policy late mixes the images of a batch .*--space transforms"):
        policy.to_transform()
    images = pictures()
    assert torch.equal(policy.to_transform(allow_loss=True)(images), images.flip(3))


class Numbered(Dataset):
    def __init__(self, transform) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 4

    def __getitem__(self, i: int) -> torch.Tensor:
        return self.transform(torch.arange(6, dtype=torch.uint8).expand(3, 8, 6))


@pytest.mark.slow
def test_persistent_workers_of_a_loader_see_the_stage():
    transform = STAGED.to_transform()
    loader = DataLoader(Numbered(transform), batch_size=4, num_workers=1, persistent_workers=True)
    (before,) = list(loader)
    transform.progress = 0.75
    (after,) = list(loader)
    assert torch.equal(after, before.flip(3)) and not torch.equal(after, before)


def test_stages_follow_the_progress():
    transform, images = STAGED.to_transform(), pictures()
    assert torch.equal(transform(images), images)
    transform.progress = 0.5
    assert torch.equal(transform(images), images.flip(3)) and transform.progress == 0.5
    with pytest.raises(UserError, match="progress is the share"):
        transform.progress = 2
    assert torch.equal(pickle.loads(pickle.dumps(transform))(images), images.flip(3))


def test_batches_are_those_of_augment():
    policy, images, labels = Policy.preset("soft-crop"), pictures(), torch.tensor([0, 1, 1])
    transform = policy.to_batch_transform(2, seed=5)
    generator = torch.Generator().manual_seed(5)
    for _ in range(2):
        batch = transform(images / 255, labels)
        expected = augment(policy, images, labels, num_classes=2, generator=generator)
        assert torch.equal(batch.images, expected.images / 255)
        assert torch.equal(batch.targets, expected.targets) and torch.equal(batch.weights, expected.weights)


def test_the_source_is_what_export_writes(tmp_path):
    from policysearch.export.registry import export_to

    text = POLICY.to_source("torchvision")
    path, _ = export_to(POLICY, "torchvision", tmp_path / "learned_policy.py", allow_loss=False, force=False)
    assert path.read_text() == text
