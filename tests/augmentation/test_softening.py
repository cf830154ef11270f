"""Softening: the paper's equations on hand-worked cases, per image, per operation, in pairs."""

from __future__ import annotations

import math

import pytest
import torch

from policysearch.augmentation import augment, confidence, intersection_over_union, pair_confidence, soft_loss
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Curve, Softening
from policysearch.policy.steps import Step
from tests.support.pictures import pictures, policy_of

SHIFT = Step(operation="translate-x", magnitude=0.5)


def softened(softening: Softening, *steps: Step, classes: int = 10):
    images = pictures(1, 8, 8)
    generator = torch.Generator().manual_seed(0)
    policy = policy_of(*steps, softening=softening)
    return augment(policy, images, torch.full((6,), 3), num_classes=classes, generator=generator)


def test_confidence_is_equation_7():
    v = torch.tensor([0.0, 0.5, 1.0])
    assert confidence(v, 2, 0.1).tolist() == pytest.approx([0.1, 1 - 0.9 * 0.25, 1.0])
    assert confidence(v, 1, 0.0).tolist() == pytest.approx([0.0, 0.5, 1.0])


@pytest.mark.parametrize(
    ("mode", "target", "weight"), [("target", 0.775, 1), ("weight", 1, 0.775), ("both", 0.775, 0.775)]
)
def test_modes_soften_what_they_name(mode, target, weight):
    out = softened(Softening(k=2, mode=mode), SHIFT)
    assert out.targets[:, 3].tolist() == pytest.approx([target] * 6)
    assert out.targets[:, 0].tolist() == pytest.approx([(1 - target) / 9] * 6)
    assert out.weights.tolist() == pytest.approx([weight] * 6)


def test_p_min_is_given_or_one_over_classes():
    assert softened(Softening(k=1), SHIFT, classes=4).targets[0, 3].item() == pytest.approx(0.625)
    assert softened(Softening(k=1, p_min=0), SHIFT).targets[0, 3].item() == pytest.approx(0.5)


def test_operations_have_curves_of_their_own():
    """Noise α 0.5 leaves 0.5, the shift 0.5; worked by hand with p_min 0."""
    noise = Step(operation="noise", magnitude=0.5)
    one = softened(Softening(k=2, p_min=0), SHIFT, noise)
    assert one.targets[0, 3].item() == pytest.approx(1 - 0.75**2)
    own = Softening(k=2, p_min=0, operations={"noise": Curve(k=1, p_min=0)})
    assert softened(own, SHIFT, noise).targets[0, 3].item() == pytest.approx((1 - 0.5**2) * 0.5)
    off = Softening(p_min=1, operations={"noise": Curve(k=1, p_min=0)})
    assert softened(off, SHIFT, noise).targets[0, 3].item() == pytest.approx(0.5)
    assert softened(off, SHIFT).targets[0, 3].item() == 1
    assert softened(Softening(p_min=1), SHIFT).targets[0, 3].item() == 1


def test_confidences_do_not_fall_below_the_smallest_p_min():
    both = {"noise": Curve(k=1), "translate-x": Curve(k=1)}
    gone = Step(operation="noise", magnitude=1.0)
    assert softened(Softening(operations=both), SHIFT, gone).targets[0, 3].item() == pytest.approx(0.1)


def test_an_unknown_operation_and_a_bad_curve_are_refused_by_field():
    for softening, told in (
        ({"operations": {"nose": {}}}, "did you mean noise"),
        ({"operations": {"noise": {"k": 0}}}, "softening.operations.noise.k"),
        ({"p_min": 1.2}, "softening.p_min"),
        ({"mode": "soft"}, "softening.mode"),
    ):
        with pytest.raises(ValueError, match=told):
            Policy.from_dict({"sub_policies": [{}], "softening": softening})


def test_weights_can_be_normalised_to_mean_1(generator):
    policy = Policy.preset("soft-crop")
    softening = policy.softening.model_copy(update={"normalise": True})
    images, labels = pictures(1, 16, 16, batch=64), torch.zeros(64).long()
    plain = augment(policy, images, labels, num_classes=10, generator=torch.Generator().manual_seed(1))
    scaled = augment(
        policy.model_copy(update={"softening": softening}),
        images,
        labels,
        num_classes=10,
        generator=torch.Generator().manual_seed(1),
    )
    assert scaled.weights.mean().item() == pytest.approx(1, abs=1e-6)
    assert torch.allclose(scaled.weights * plain.weights.mean(), plain.weights, atol=1e-6)


def test_soft_loss_weighs_each_image_by_itself():
    """Two images, worked by hand: KL 0 and KL ln 2 with weights 1 and 0.5; the published slip would give 0.75·ln2/2."""
    logits = torch.tensor([[50.0, -50.0], [0.0, 0.0]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    loss = soft_loss(logits, targets, torch.tensor([1.0, 0.5], dtype=torch.float64))
    assert loss.item() == pytest.approx(0.5 * math.log(2) / 2)


def test_soft_loss_is_listing_2_on_a_hand_worked_soft_target():
    """p = 0.6 of 3 classes against (0.5, 0.25, 0.25), weight 0.6: 0.6·(0.6 ln 1.2 + 2·0.2 ln 0.8)."""
    logits = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64).log()
    loss = soft_loss(logits, torch.tensor([[0.6, 0.2, 0.2]], dtype=torch.float64), torch.tensor([0.6]).double())
    assert loss.item() == pytest.approx(0.6 * (0.6 * math.log(1.2) + 0.4 * math.log(0.8)))


def test_soft_loss_with_label_smoothing_is_torchs_cross_entropy_less_the_targets_entropy():
    g = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(5, 4, generator=g), torch.tensor([0, 1, 2, 3, 0])
    targets = torch.nn.functional.one_hot(labels, 4).float()
    smooth = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    p = torch.tensor([0.925, 0.025, 0.025, 0.025])
    assert soft_loss(logits, targets, torch.ones(5), 0.1).item() == pytest.approx(
        (smooth + (p * p.log()).sum()).item(), abs=1e-6
    )


def test_pairs_are_equations_9_and_10():
    """Two 4×4 boxes a step of 2 apart share 2×4 = 8 of 24 cells: IoU 1/3."""
    first, second = torch.tensor([[0.0, 0, 4, 4], [0, 0, 2, 2]]), torch.tensor([[0.0, 2, 4, 4], [5, 5, 2, 2]])
    iou = intersection_over_union(first, second)
    assert iou.tolist() == pytest.approx([1 / 3, 0])
    assert pair_confidence(iou, 2, 0.1).tolist() == pytest.approx([1 - 0.9 * (2 / 3) ** 2, 0.1])
    assert pair_confidence(iou, 2, 0.1, easy=True).tolist() == pytest.approx([1 - 0.9 / 9, 1.0])
    assert intersection_over_union(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0
