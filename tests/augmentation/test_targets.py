"""`augment_targets`: labels follow mixes and visibility one by one, and what is refused."""

from __future__ import annotations

import pytest
import torch

from policysearch.augmentation import augment
from policysearch.augmentation.targets import augment_targets
from policysearch.core.errors import UserError
from policysearch.policy.mixes import MIXES
from policysearch.policy.policy import Policy
from policysearch.policy.presets import preset

LABELS = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
FREQUENCIES = torch.tensor([0.75, 0.5, 0.25])
MIXED = [name for name, row in MIXES.items() if not row.needs_maps]


def _images(count: int = 4) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def _augmented(policy: Policy, labels: torch.Tensor = LABELS, **options):
    generator = torch.Generator().manual_seed(1)
    return augment_targets(policy, _images(len(labels)), labels, generator, **options)


def _mixing(name: str) -> Policy:
    return Policy.from_dict({"sub_policies": [{}], "mix": {"operation": name, "probability": 1.0}})


def _hiding(**softening: object) -> Policy:
    step = {"operation": "cutout", "magnitude": 0.5, "probability": 1.0}
    return Policy.from_dict({"sub_policies": [{"steps": [step]}], "softening": softening})


@pytest.mark.parametrize("name", MIXED)
def test_a_mix_adds_labels_up_as_it_adds_classes_up(name: str) -> None:
    """Labels that say one class each come out as that class does, and so do the pixels."""
    classes = torch.tensor([0, 1, 2, 1])
    ours = _augmented(_mixing(name), torch.eye(3)[classes])
    theirs = augment(_mixing(name), _images(), classes, num_classes=3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(ours.images, theirs.images)
    assert torch.allclose(ours.targets, theirs.targets) and torch.allclose(ours.weights, theirs.weights)


@pytest.mark.parametrize("name", MIXED)
def test_a_label_of_all_images_stays_and_none_exceeds_one(name: str) -> None:
    targets = _augmented(_mixing(name), torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).targets
    assert torch.allclose(targets[:, 0], torch.ones(4))
    assert bool(((targets >= 0) & (targets <= 1)).all())


def test_a_label_that_is_there_falls_to_its_frequency_and_others_stay_at_nothing() -> None:
    out = _augmented(_hiding(k=2.0), frequencies=FREQUENCIES)
    drawn = augment(
        _hiding(k=2.0), _images(), torch.zeros(4).long(), num_classes=3, generator=torch.Generator().manual_seed(1)
    )
    hidden = (1 - drawn.visibility)[:, None]
    assert 0 < float(hidden.max()) < 1
    assert torch.allclose(out.targets, LABELS * (1 - (1 - FREQUENCIES) * hidden**2))
    assert torch.equal(out.weights, torch.ones(4))


def test_a_given_least_confidence_is_that_of_every_label() -> None:
    out = _augmented(_hiding(k=2.0, p_min=0.5), frequencies=FREQUENCIES)
    for row in out.targets:
        assert len({round(float(value), 5) for value in row if value > 0}) <= 1
    assert float(out.targets[LABELS > 0].min()) >= 0.5


def test_weights_have_the_mean_frequency_and_leave_labels_alone() -> None:
    out = _augmented(_hiding(k=2.0, mode="weight"), frequencies=FREQUENCIES)
    both = _augmented(_hiding(k=2.0, mode="both"), frequencies=FREQUENCIES)
    assert torch.equal(out.targets, LABELS) and torch.allclose(both.weights, out.weights)
    assert float(out.weights.max()) < 1 and float(out.weights.min()) >= 0.5
    normalised = _augmented(_hiding(k=2.0, mode="weight", normalise=True), frequencies=FREQUENCIES)
    assert float(normalised.weights.mean()) == pytest.approx(1)


def test_a_curve_of_one_operation_softens_by_it_alone() -> None:
    off = {"k": 1.0, "p_min": 1.0, "operations": {"rotate": {"k": 2.0}}}
    assert torch.equal(_augmented(_hiding(**off), frequencies=FREQUENCIES).targets, LABELS)
    by_cutout = {"k": 1.0, "p_min": 1.0, "operations": {"cutout": {"k": 2.0}}}
    expected = _augmented(_hiding(k=2.0), frequencies=FREQUENCIES).targets
    assert torch.allclose(_augmented(_hiding(**by_cutout), frequencies=FREQUENCIES).targets, expected)


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (_mixing("snapmix"), "snapmix, which needs an activation map"),
        (_mixing("line-join"), "line-join, which needs strings"),
        (preset("entaugment"), "adapts to the class"),
        (preset("simsiam-sa1"), "leave out 'pair'"),
        (_hiding(k=2.0), "needs frequencies"),
        (_hiding(k=2.0, spread="confusion"), "spread = 'confusion'"),
        (Policy.from_dict({"sub_policies": [{}], "classes": {"0": {"sub_policies": [{}]}}}), "parts for some classes"),
    ],
)
def test_what_takes_one_class_per_image_is_refused(policy: Policy, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        _augmented(policy)


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        (torch.zeros(4), r"a row per image, got \[4\]"),
        (torch.zeros(3, 2), r"\[4, labels\]"),
        (torch.zeros(4, 0), r"\[4, labels\]"),
        (torch.zeros(4, 2, dtype=torch.int64), "must be float32"),
    ],
)
def test_targets_that_are_none_are_refused(targets: torch.Tensor, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        augment_targets(_mixing("mixup"), _images(), targets, torch.Generator())


def test_frequencies_of_another_number_of_labels_are_refused() -> None:
    with pytest.raises(UserError, match=r"frequencies must be \[3\]"):
        _augmented(_hiding(k=2.0), frequencies=torch.ones(2))


def test_sample_pairing_keeps_the_targets_of_the_first_image() -> None:
    pairing = Policy.from_dict({"sub_policies": [{}], "mix": {"operation": "sample-pairing", "probability": 1}})
    numbers = torch.tensor([[10.0], [20.0], [30.0], [40.0]])
    batch = augment_targets(pairing, _images(), numbers, torch.Generator().manual_seed(1))
    assert torch.equal(batch.targets, numbers)
    assert not torch.equal(batch.images, _images())
