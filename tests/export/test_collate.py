"""The exported collate function mixes as the policy does, uint8 and normalised images alike, with torch alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from policysearch.augmentation.mixing import mix
from policysearch.augmentation.sampling import mix_draw
from policysearch.core.errors import UserError
from policysearch.export.registry import export_to, live
from policysearch.policy.policy import Policy
from tests.support.exports import imported, policy, real

ROOT = Path(__file__).parents[2]
INVERT = {"operation": "invert"}


def mixing(operation: str, probability: float = 1.0) -> Policy:
    return policy(INVERT, mix={"operation": operation, "probability": probability})


@pytest.mark.parametrize("kind", ["uint8", "float"])
@pytest.mark.parametrize("operation", ["mixup", "cutmix", "sample-pairing", "mosaic"])
def test_mixes_are_those_of_the_search(operation, kind):
    """With the same draws: the same pixels and targets; of floating point images without the rounding."""
    images, labels = real(3, 8), torch.arange(8) % 4
    torch.manual_seed(3)
    drawn = mix_draw(operation, 0.6, 1.0, 8)
    expected, targets, _ = mix(drawn, images, torch.eye(4)[labels], torch.ones(8), None)
    torch.manual_seed(3)
    collate = mixing(operation, 0.6).to_collate(num_classes=4)
    passed = images if kind == "uint8" else images / 255 - 0.5
    out, shares = collate(list(zip(passed, labels.tolist(), strict=True)))
    assert torch.allclose(shares, targets, atol=1e-6) and out.dtype == passed.dtype
    if kind == "uint8":
        assert torch.equal(out, expected)
    else:
        assert (out.add(0.5).mul(255) - expected).abs().max() <= 0.501
        assert operation in ("cutmix", "mosaic") or not torch.equal((out + 0.5) * 255, ((out + 0.5) * 255).round())


def test_the_file_needs_torch_alone_and_is_well_formatted(tmp_path):
    staged = policy(
        INVERT,
        mix={"operation": "mixup"},
        stages=[
            {"start": 0.25, "sub_policies": [{"steps": []}], "mix": {"operation": "cutmix", "alpha": 0.5}},
            {"start": 0.5, "sub_policies": [{"steps": []}]},
        ],
    )
    path, lost = export_to(staged, "collate", tmp_path / "learned_collate.py", False, False)
    text = path.read_text()
    code = text.partition('"""\n\n')[2]
    assert lost == [] and "torchvision" not in code and "policysearch" not in code
    for command in (["check"], ["format", "--check"]):
        settings = ["--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run([sys.executable, "-m", "ruff", *command, *settings, str(path)], capture_output=True)
        assert done.returncode == 0, done.stdout.decode()
    collate = imported(path, "learned_collate").LearnedCollate(num_classes=4)
    samples = [(torch.full((1, 4, 4), float(i)), i) for i in range(4)]
    kinds = {}
    for progress in (0.0, 0.3, 0.6):
        collate.progress = progress
        images, targets = collate(samples)
        blended = not torch.equal(images.amax((1, 2, 3)), images.amin((1, 2, 3)))
        kinds[progress] = "alone" if torch.equal(targets, torch.eye(4)) else "a box" if blended else "all over"
    assert kinds == {0.0: "all over", 0.3: "a box", 0.6: "alone"}


class Pictures(torch.utils.data.Dataset):
    """Images of one value each, which tells their class."""

    def __len__(self):
        return 64

    def __getitem__(self, i):
        return torch.full((1, 2, 2), float(i % 4)), i % 4


def test_workers_and_epochs_mix_by_draws_of_their_own():
    collate = live(mixing("mixup"), "collate", False, num_classes=4)
    torch.manual_seed(0)
    loader = DataLoader(Pictures(), batch_size=16, num_workers=2, collate_fn=collate)
    shares = []
    for _ in range(2):
        for images, targets in loader:
            assert torch.allclose(images.mean((1, 2, 3)), targets @ torch.arange(4.0), atol=1e-5)
            shares.append(targets)
    rows = torch.cat(shares)
    mixed = rows[(rows > 0).sum(1) > 1]
    assert len(mixed.unique(dim=0)) == len(mixed) > 60


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (policy(INVERT), "has no mix that a collate function could do"),
        (mixing("snapmix"), "activation maps"),
        (mixing("mixup").model_copy(update={"about": {"task": "multi-label"}}), "one class per image"),
        (Policy.preset("soft-crop"), "softened targets and weights need what was drawn"),
        (policy(INVERT, mix={"operation": "mixup"}, softening={"k": 2}), "softened targets"),
        (policy(INVERT, mix={"operation": "mixup"}, about={"loss": {"kind": "focal"}}), "the loss"),
    ],
)
def test_what_is_no_mix_is_named_and_refused(given, reason, tmp_path):
    with pytest.raises(UserError, match=reason):
        export_to(given, "collate", tmp_path / "learned_collate.py", False, False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("image", [torch.zeros(4, 4), real(1)[0].numpy()])
def test_samples_that_are_no_tensors_are_refused(image):
    with pytest.raises(ValueError, match="tensors"):
        live(mixing("mixup"), "collate", False, num_classes=4)([(image, 1)])


@pytest.mark.parametrize("label", [4, -1, 1.5, "1", None, torch.eye(4)[0]])
def test_labels_that_are_no_classes_are_refused(label):
    with pytest.raises(ValueError, match=r"classes from 0 to 3, got .*: is num_classes 4 right"):
        live(mixing("mixup"), "collate", False, num_classes=4)([(torch.zeros(3, 4, 4), label)])
