"""Policies that differ by class in exported code: with labels torchvision's says them, and nobody drops them unsaid."""

from __future__ import annotations

import pytest
import torch

from policysearch.augmentation import augment
from policysearch.core.errors import UserError
from policysearch.export.registry import export_to
from policysearch.export.to_torchvision import expressible, live, write
from policysearch.policy.classes import with_classes
from policysearch.policy.curricula import curriculum
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.softening import Softening
from tests.support.exports import imported, policy, real

COUNTED = Softening(k=1, p_min=0, spread="confusion", confusion={"0": {"1": 3, "2": 1}})
SHIFT = policy({"operation": "translate-x", "magnitude": 0.5}, softening={"k": 1, "p_min": 0})
TURNED = policy({"operation": "flip-vertical"})
BOTH = with_classes(SHIFT, {1: TURNED, 2: policy(softening=None)}, name="both")


def test_each_class_gets_its_images_targets_and_weights(tmp_path):
    """Nothing here is random but the sign of a shift: live, written and our own agree by class."""
    file = tmp_path / "learned_policy.py"
    file.write_text(write(BOTH, "learned_policy"))
    images, labels = real(1, 6), torch.arange(6) % 3
    ours = augment(BOTH, images, labels, num_classes=3, generator=torch.Generator().manual_seed(0))
    for transform in (live(BOTH, 3), imported(file).SoftLearnedPolicy(3)):
        for row in range(6):
            image, target, weight = transform(images[row], int(labels[row]))
            assert torch.allclose(target, ours.targets[row]) and weight == ours.weights[row]
            if labels[row]:
                assert torch.equal(image, ours.images[row])


def test_targets_are_spread_by_the_confusion():
    counted = SHIFT.model_copy(update={"softening": COUNTED})
    ours = augment(counted, real(1, 2), torch.tensor([0, 1]), num_classes=3, generator=torch.Generator().manual_seed(0))
    transform = live(counted, 3)
    for row, label in enumerate((0, 1)):
        _, target, _ = transform(real(1, 2)[row], label)
        assert torch.allclose(target, ours.targets[row])
    assert ours.targets[0].tolist() == pytest.approx([0.5, 0.375, 0.125])
    assert "confusion={0: {1: 3, 2: 1}}" in write(counted, "learned_policy")


def test_classes_follow_the_progress_of_the_training():
    staged = curriculum(policy({"operation": "translate-x", "magnitude": 0.4}), 2)
    differing = with_classes(staged, {1: TURNED})
    differing = differing.model_copy(update={"stages": (staged.stages[0].model_copy(update={"classes": {}}),)})
    transform, image = live(differing, 2), real(1, 1)[0]
    assert torch.equal(transform(image, 1)[0], image.flip(1))
    transform.policy.progress = 0.9
    assert not torch.equal(transform(image, 1)[0], image.flip(1))


def test_what_a_file_cannot_say_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"differs by class, and so needs labels: give num_classes"):
        BOTH.to_torchvision()
    with pytest.raises(UserError, match=r"part for class 2, and there are classes 0\.\.1"):
        BOTH.to_torchvision(2)
    with pytest.raises(UserError, match="calls a class 'six'"):
        with_classes(SHIFT, {"six": TURNED}).to_torchvision(3)
    with pytest.raises(UserError, match="confusion by which targets are spread has not been measured"):
        policy(softening={"spread": "confusion"}).to_torchvision(3)
    for library in ("timm", "kornia", "albumentations"):
        with pytest.raises(UserError, match=f"{library} is not given an image's label"):
            export_to(with_classes(TURNED, {0: policy()}), library, tmp_path / "out.py", False, False)


def test_a_stage_that_softens_a_class_anew_is_a_loss():
    stage = Stage(start=0.5, sub_policies=SHIFT.sub_policies, classes={"1": {"softening": {"k": 3}}})
    _, lost = expressible(SHIFT.model_copy(update={"stages": (stage,)}))
    assert len(lost) == 1 and "later stages" in lost[0]


def test_a_result_is_written_by_the_names_of_its_data(tmp_path):
    named = with_classes(SHIFT, {"six": TURNED}).model_copy(update={"about": {"classes": ["one", "two", "six"]}})
    path, _ = export_to(named, "torchvision", tmp_path / "learned_policy.py", False, False)
    image = real(1, 1)[0]
    out, _, _ = imported(path).SoftLearnedPolicy(3)(image, 2)
    assert torch.equal(out, image.flip(1))
    path, _ = export_to(named, "json", tmp_path / "policy.json", False, False)
    assert Policy.load(path) == named and Policy.load(path).about["classes"] == ["one", "two", "six"]
