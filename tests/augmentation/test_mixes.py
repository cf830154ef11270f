"""Mixes of a batch, against their papers' formulas written out image by image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from policysearch.augmentation import augment, draw, replay
from policysearch.augmentation.mixing import MIXERS, mix
from policysearch.augmentation.sampling import MixDraw
from policysearch.core.errors import UserError
from policysearch.policy.mixes import MIXES, Mix, Mixture
from policysearch.policy.policy import Policy, Stage
from policysearch.policy.softening import Softening
from policysearch.policy.steps import Step, SubPolicy
from tests.support.pictures import pictures, policy_of

B, H, W, CLASSES = 12, 20, 26, 5


def mixed(name: str, seed: int = 0, images=None, maps=None, steps=(), softening=None, **options):
    images = pictures(3, H, W, batch=B) if images is None else images
    labels = torch.arange(len(images)) % CLASSES
    policy = policy_of(*steps, mix=Mix(operation=name, **options), softening=softening)
    generator = torch.Generator().manual_seed(seed)
    if maps is None and MIXES[name].needs_maps:
        maps = torch.rand(len(images), 5, 7, generator=torch.Generator().manual_seed(9))
    return images, augment(policy, images, labels, num_classes=CLASSES, generator=generator, activation_maps=maps)


def one_hot(index) -> np.ndarray:
    return np.eye(CLASSES)[int(index) % CLASSES]


def cutmix_box(share: float, centre) -> tuple[int, int, int, int]:
    """Yun et al. 2019, equation 2, as its public code cuts sides and centres to whole pixels."""
    h, w = int(H * np.sqrt(1 - share)), int(W * np.sqrt(1 - share))
    y, x = int(centre[0] * H), int(centre[1] * W)
    return max(y - h // 2, 0), min(y + h // 2, H), max(x - w // 2, 0), min(x + w // 2, W)


def test_the_values_and_the_kernels_agree():
    assert set(MIXES) == set(MIXERS)


@pytest.mark.parametrize("seed", range(3))
def test_mixup(seed):
    images, out = mixed("mixup", seed)
    for i in range(B):
        j, share = int(out.draw.mix.partners[i, 0]), out.draw.mix.shares[i, 0].double().item()
        exact = images[i].double() * share + images[j].double() * (1 - share)
        assert (out.images[i].double() - exact).abs().max() <= 0.5 + 1e-4
        assert out.targets[i].tolist() == pytest.approx(list(share * one_hot(i) + (1 - share) * one_hot(j)), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_cutmix(seed):
    images, out = mixed("cutmix", seed)
    for i in range(B):
        j = int(out.draw.mix.partners[i, 0])
        top, bottom, left, right = cutmix_box(
            out.draw.mix.shares[i, 0].item(), out.draw.mix.numbers[i, :2].double().tolist()
        )
        expected = images[i].clone()
        expected[:, top:bottom, left:right] = images[j][:, top:bottom, left:right]
        assert torch.equal(out.images[i], expected)
        share = 1 - (bottom - top) * (right - left) / (H * W)
        assert out.targets[i].tolist() == pytest.approx(list(share * one_hot(i) + (1 - share) * one_hot(j)), abs=1e-6)


def test_sample_pairing_keeps_the_target():
    images, out = mixed("sample-pairing")
    partners = out.draw.mix.partners[:, 0]
    assert (out.images.double() - (images.double() + images[partners].double()) / 2).abs().max() <= 0.5
    assert torch.equal(out.targets.argmax(1), torch.arange(B) % CLASSES) and (out.targets.max(1)[0] == 1).all()
    assert torch.equal(out.weights, torch.ones(B))


def test_mosaic_puts_four_corners_together():
    images, out = mixed("mosaic")
    for i in range(B):
        y, x = (
            round((0.25 + u / 2) * side) for u, side in zip(out.draw.mix.numbers[i, :2].tolist(), (H, W), strict=True)
        )
        four = [images[k] for k in (i, *out.draw.mix.partners[i].tolist())]
        expected = torch.zeros_like(images[i])
        expected[:, :y, :x] = four[0][:, H - y :, W - x :]
        expected[:, :y, x:] = four[1][:, H - y :, : W - x]
        expected[:, y:, :x] = four[2][:, : H - y, W - x :]
        expected[:, y:, x:] = four[3][:, : H - y, : W - x]
        assert torch.equal(out.images[i], expected)
        areas = np.array([y * x, y * (W - x), (H - y) * x, (H - y) * (W - x)]) / (H * W)
        sources = (i, *out.draw.mix.partners[i].tolist())
        target = sum(area * one_hot(k) for area, k in zip(areas, sources, strict=True))
        assert out.targets[i].tolist() == pytest.approx(list(target), abs=1e-6)


def test_snapmix_counts_the_activation_in_the_boxes():
    """ρ_a = 1 - Σ S(a) in a's box, ρ_b = Σ S(b) in b's; the loss is ρ_a·L_a + ρ_b·L_b, so target times weight is."""
    g = torch.Generator().manual_seed(4)
    maps = torch.rand(B, H, W, generator=g) ** 4
    images, out = mixed("snapmix", maps=maps)
    shares, numbers = out.draw.mix.shares, out.draw.mix.numbers.double()
    percent = maps / maps.sum((1, 2), keepdim=True)
    for i in range(B):
        j = int(out.draw.mix.partners[i, 0])
        a = cutmix_box(shares[i, 0].item(), numbers[i, :2].tolist())
        b = cutmix_box(shares[j, 1].item(), numbers[j, 2:].tolist())
        if (a[1] - a[0]) * (a[3] - a[2]) * (b[1] - b[0]) * (b[3] - b[2]) == 0:
            assert torch.equal(out.images[i], images[i])
            continue
        kept = 1 - percent[i, a[0] : a[1], a[2] : a[3]].sum().item()
        gained = percent[j, b[0] : b[1], b[2] : b[3]].sum().item()
        expected = kept * one_hot(i) + gained * one_hot(j)
        assert (out.targets[i] * out.weights[i]).tolist() == pytest.approx(list(expected), abs=1e-5)
        pasted = torch.nn.functional.interpolate(
            images[j : j + 1, :, b[0] : b[1], b[2] : b[3]].float(), (a[1] - a[0], a[3] - a[2]), mode="bilinear"
        )[0]
        whole = images[i].float().clone()
        whole[:, a[0] : a[1], a[2] : a[3]] = pasted
        assert (out.images[i].float() - whole).abs().max() <= 0.51


def box_area(box) -> float:
    return (box[1] - box[0]) * (box[3] - box[2]) / (H * W)


def test_snapmix_counts_by_area_where_a_map_is_zero_everywhere():
    """Every second map is zero: those images give and lose by area, the others by activation."""
    maps = torch.ones(B, H, W)
    maps[:, : H // 2] = 3.0
    percent = maps / maps.sum((1, 2), keepdim=True)
    maps[::2] = 0
    _, out = mixed("snapmix", maps=maps)
    shares, numbers = out.draw.mix.shares, out.draw.mix.numbers.double()
    pasted = 0
    for i in range(B):
        j = int(out.draw.mix.partners[i, 0])
        a = cutmix_box(shares[i, 0].item(), numbers[i, :2].tolist())
        b = cutmix_box(shares[j, 1].item(), numbers[j, 2:].tolist())
        if box_area(a) * box_area(b) == 0:
            continue
        lost = box_area(a) if i % 2 == 0 else percent[i, a[0] : a[1], a[2] : a[3]].sum().item()
        gained = box_area(b) if j % 2 == 0 else percent[j, b[0] : b[1], b[2] : b[3]].sum().item()
        expected = (1 - lost) * one_hot(i) + gained * one_hot(j)
        assert (out.targets[i] * out.weights[i]).tolist() == pytest.approx(list(expected), abs=1e-5)
        assert gained > 0
        pasted += 1
    assert pasted > B / 2


def test_maps_move_with_their_pixels():
    """SnapMix on flipped images with their maps is SnapMix on images that were flipped beforehand, maps and all."""
    g = torch.Generator().manual_seed(4)
    maps, images = torch.rand(B, H, W, generator=g), pictures(3, H, W, batch=B)
    _, out = mixed("snapmix", maps=maps, steps=(Step(operation="flip-horizontal"),))
    plain = replace(out.draw, operations=torch.zeros_like(out.draw.operations))
    policy, labels = policy_of(mix=Mix(operation="snapmix")), torch.arange(B) % CLASSES
    flipped = replay(policy, plain, images.flip(3), labels, num_classes=CLASSES, activation_maps=maps.flip(2))
    assert torch.equal(out.images, flipped.images) and torch.allclose(out.targets, flipped.targets, atol=1e-6)
    unmoved = replay(policy, plain, images.flip(3), labels, num_classes=CLASSES, activation_maps=maps)
    assert not torch.allclose(out.targets, unmoved.targets, atol=1e-3)


def test_maps_go_through_a_mixture_too():
    """Of a mixture of flipped images the map is as much flipped as the image is."""
    maps, images = torch.rand(B, H, W, generator=torch.Generator().manual_seed(4)), pictures(3, H, W, batch=B)
    flip = policy_of(Step(operation="flip-horizontal"), mix=Mix(operation="snapmix"), mixture=Mixture(width=2))
    found = draw(flip, B, torch.Generator().manual_seed(0))
    share = found.mixture[:, 0, None, None]
    expected = share * maps + (1 - share) * maps.flip(2)
    labels = torch.arange(B) % CLASSES
    out = replay(flip, found, images, labels, num_classes=CLASSES, activation_maps=maps)
    unmoved = replace(found, operations=torch.zeros_like(found.operations))
    by_hand = replay(flip, unmoved, images, labels, num_classes=CLASSES, activation_maps=expected)
    assert torch.allclose(out.targets, by_hand.targets, atol=1e-5)


@pytest.mark.parametrize("name", sorted(MIXES))
def test_laws_of_mixes(name):
    images, out = mixed(name)
    again = mixed(name)[1]
    assert torch.equal(out.images, again.images) and torch.equal(out.targets, again.targets)
    assert torch.equal(images, pictures(3, H, W, batch=B)), "the input changed"
    assert torch.allclose(out.targets.sum(1), torch.ones(B), atol=1e-5) and (out.weights >= 0).all()
    untouched = mixed(name, probability=0.0)[1]
    assert torch.equal(untouched.images, images) and torch.equal(untouched.weights, torch.ones(B))
    for batch in (0, 1):
        small = mixed(name, images=pictures(1, 9, 11, batch=2)[:batch])[1]
        assert small.images.shape == (batch, 1, 9, 11) and small.targets.shape == (batch, CLASSES)
    half = mixed(name, probability=0.5)[1]
    applied = half.draw.mix.applied
    assert applied.any() and not applied.all() and torch.equal(half.images[~applied], images[~applied])


def test_softened_targets_and_weights_are_mixed_as_the_images_are():
    """t = λ t_a + (1 - λ) t_b and w = λ w_a + (1 - λ) w_b with softened t and w."""
    crop = Step(operation="soft-crop", magnitude=0.3)
    softening = Softening(k=2, mode="both")
    images, out = mixed("mixup", steps=(crop,), softening=softening)
    alone = augment(
        policy_of(crop, softening=softening),
        images,
        torch.arange(B) % CLASSES,
        num_classes=CLASSES,
        generator=torch.Generator().manual_seed(0),
    )
    share, partner = out.draw.mix.shares[:, 0], out.draw.mix.partners[:, 0]
    assert torch.equal(out.draw.numbers, alone.draw.numbers)
    expected = share[:, None] * alone.targets + (1 - share[:, None]) * alone.targets[partner]
    assert torch.allclose(out.targets, expected, atol=1e-6)
    assert torch.allclose(out.weights, share * alone.weights + (1 - share) * alone.weights[partner], atol=1e-6)


def test_a_planted_slip_would_be_noticed():
    """CutMix that counts the λ it drew instead of the box's area, which edges cut off."""
    _, out = mixed("cutmix")
    drawn = out.draw.mix.shares[:, 0]
    counted = torch.stack([out.targets[i, i % CLASSES] for i in range(B)])
    assert (drawn - counted).abs().max() > 0.01


def test_snapmix_without_maps_and_bad_mixes_are_refused(generator):
    images, labels = pictures(1, 8, 8), torch.zeros(6).long()
    with pytest.raises(UserError, match="snapmix needs activation_maps"):
        augment(policy_of(mix=Mix(operation="snapmix")), images, labels, num_classes=2, generator=generator)
    with pytest.raises(UserError, match=r"activation_maps must be \[6, h, w\]"):
        augment(
            policy_of(mix=Mix(operation="snapmix")),
            images,
            labels,
            num_classes=2,
            generator=generator,
            activation_maps=torch.zeros(5, 4, 4),
        )
    for wrong, told in (
        ({"operation": "mix-up"}, "did you mean mixup"),
        ({"operation": "mosaic", "alpha": 1}, "alpha of mosaic"),
        ({"operation": "mixup", "alpha": 0}, "mix.alpha"),
        ({"operation": "mixup", "alpha": 0.001}, "mix.alpha"),
        ({"operation": "mixup", "probability": 2}, "mix.probability"),
    ):
        with pytest.raises(UserError, match=told):
            Policy.from_dict({"sub_policies": [{}], "mix": wrong})


def test_mix_is_a_pure_function_of_what_was_drawn():
    images = pictures(1, 6, 6, batch=2)
    found = MixDraw(
        "mixup",
        torch.tensor([True, False]),
        torch.tensor([[1, 0, 0], [0, 1, 1]]),
        torch.full((2, 2), 0.25),
        torch.zeros(2, 4),
    )
    out, targets, weights = mix(found, images, torch.eye(2), torch.tensor([1.0, 0.5]), None)
    assert torch.equal(out[1], images[1]) and targets.tolist() == [[0.25, 0.75], [0, 1]]
    assert weights.tolist() == pytest.approx([0.25 + 0.75 * 0.5, 0.5])


def test_a_later_stage_may_end_the_mix(generator):
    policy = Policy(
        sub_policies=(SubPolicy(),),
        mix=Mix(operation="mixup"),
        stages=(Stage(start=0.9, sub_policies=(SubPolicy(),)),),
    )
    images, labels = pictures(1, 8, 8), torch.arange(6) % 2
    early = augment(policy, images, labels, num_classes=2, generator=generator, progress=0.5)
    late = augment(policy, images, labels, num_classes=2, generator=generator, progress=0.9)
    assert early.draw.mix is not None and late.draw.mix is None and torch.equal(late.images, images)
