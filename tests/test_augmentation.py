"""The augmentation set against torchvision pixel by pixel, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as TF
from hypothesis import given, settings
from scipy.stats import chisquare, norm
from test_policy import policies

from policysearch.augmentation import augment, confidence, draw, soft_loss
from policysearch.augmentation.apply import apply, visibility
from policysearch.augmentation.draw import OPERATION_NAMES, Draw
from policysearch.augmentation.kernels import KERNELS
from policysearch.errors import UserError
from policysearch.operations import OPERATIONS
from policysearch.policy import Policy, Softening, Step, SubPolicy


def fixed(name: str, magnitude: float, batch: int, position: float = 0.5) -> Draw:
    return Draw(
        torch.full((batch, 1), OPERATION_NAMES.index(name)),
        torch.full((batch, 1), float(magnitude)),
        torch.full((batch, 1, 2), position),
    )


def pictures(channels: int, height: int, width: int, batch: int = 6) -> torch.Tensor:
    """Smooth pictures with noise, a flat one and a two-valued one, so that every special case occurs."""
    g = torch.Generator().manual_seed(1)
    coarse = torch.rand(batch, channels, 4, 4, generator=g) * 255
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    out = (smooth + 20 * torch.randn(smooth.shape, generator=g)).clamp(0, 255).to(torch.uint8)
    out[0] = 7
    out[1] = torch.where(out[1] > 100, 255, 0).to(torch.uint8)
    return out


def affine(image, **changes):
    full = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], **changes}
    return TF.affine(image, **full)


def degrees(m: float) -> float:
    return math.degrees(math.atan(m))


REFERENCE = {
    "identity": lambda x, m: x,
    "shear-x": lambda x, m: affine(x, shear=[degrees(m), 0.0], center=[0, 0]),
    "shear-y": lambda x, m: affine(x, shear=[0.0, degrees(m)], center=[0, 0]),
    "translate-x": lambda x, m: affine(x, translate=[int(m * x.shape[-1]), 0]),
    "translate-y": lambda x, m: affine(x, translate=[0, int(m * x.shape[-2])]),
    "translate-x-pixels": lambda x, m: affine(x, translate=[int(m), 0]),
    "translate-y-pixels": lambda x, m: affine(x, translate=[0, int(m)]),
    "rotate": TF.rotate,
    "brightness": lambda x, m: TF.adjust_brightness(x, 1 + m),
    "color": lambda x, m: TF.adjust_saturation(x, 1 + m),
    "contrast": lambda x, m: TF.adjust_contrast(x, 1 + m),
    "sharpness": lambda x, m: TF.adjust_sharpness(x, 1 + m),
    "posterize": lambda x, m: TF.posterize(x, round(m)),
    "solarize": lambda x, m: x if m > 255 else TF.solarize(x, m),
    "autocontrast": lambda x, m: TF.autocontrast(x),
    "equalize": lambda x, m: TF.equalize(x),
    "flip-horizontal": lambda x, m: TF.horizontal_flip(x),
}
NEAREST = {"shear-x", "shear-y", "rotate"}
# Ties of a nearest neighbour fall either way. At 45 and 135 degrees a whole diagonal of an even-sized image
# comes from exactly between two pixels, 1/28 of them; elsewhere ties are rare.
TIES = 1 / 28 + 0.002
BLENDED = {"brightness", "color", "contrast", "sharpness", "autocontrast"}  # float rounding: within 1


def test_the_table_and_the_kernels_agree():
    assert set(OPERATIONS) == KERNELS


def levels(name: str) -> list[float]:
    row = OPERATIONS[name]
    spans = [span for span in (row.standard, row.wide) if span]
    values = {a + (b - a) * i / 30 for a, b in spans for i in range(0, 31, 3)} or {0.0}
    return sorted(values | ({-v for v in values} if row.signed else set()))


@pytest.mark.parametrize("size", [(28, 28), (32, 32), (9, 21)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_equals_torchvision(name, channels, size):
    images = pictures(channels, *size)
    for m in levels(name):
        ours = apply(fixed(name, m, len(images)), images)
        theirs = torch.stack([REFERENCE[name](image, m) for image in images])
        gap = (ours.int() - theirs.int()).abs()
        if name in NEAREST:
            assert (gap > 0).float().mean() < TIES, m
        else:
            assert gap.max() <= (1 if name in BLENDED else 0), m


def test_a_wrong_shear_would_be_noticed():
    images = pictures(3, 32, 32)
    ours = apply(fixed("shear-x", 0.2, len(images)), images)
    theirs = torch.stack([REFERENCE["shear-x"](image, 0.25) for image in images])
    assert ((ours.int() - theirs.int()).abs() > 0).float().mean() > TIES


@given(policies)
@settings(max_examples=60, deadline=None)
def test_any_policy_keeps_shape_and_input(policy):
    images = pictures(3, 13, 11)
    before = images.clone()
    labels = torch.arange(6) % 3
    results = [
        augment(policy, images, labels, num_classes=3, generator=torch.Generator().manual_seed(5)) for _ in range(2)
    ]
    assert torch.equal(images, before)
    first, second = results
    assert first.images.shape == images.shape and first.images.dtype == torch.uint8
    assert torch.equal(first.images, second.images) and torch.equal(first.targets, second.targets)
    assert torch.equal(apply(first.draw, images), first.images)
    assert torch.allclose(first.targets.sum(1), torch.ones(6), atol=1e-5)
    assert ((first.visibility >= 0) & (first.visibility <= 1)).all()


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (17, 40)])
@pytest.mark.parametrize("name", ["trivialaugment-wide", "randaugment", "flip-crop", "soft-crop"])
def test_batched_equals_one_by_one(name, size, generator):
    images = pictures(3, *size, batch=16)
    drawn = draw(Policy.preset(name), 16, generator)
    together = apply(drawn, images)
    for i in range(16):
        one = Draw(drawn.operations[i : i + 1], drawn.magnitudes[i : i + 1], drawn.positions[i : i + 1])
        assert torch.equal(apply(one, images[i : i + 1])[0], together[i])


@pytest.mark.parametrize("name", sorted(n for n, row in OPERATIONS.items() if row.neutral is not None))
def test_neutral_magnitude_is_identity(name):
    images = pictures(3, 15, 20)
    assert torch.equal(apply(fixed(name, OPERATIONS[name].neutral, 6), images), images)


def test_probability_zero_is_identity(generator):
    steps = tuple(
        Step(operation=n, probability=0, magnitude=row.high if row.has_magnitude else None)
        for n, row in OPERATIONS.items()
    )
    images = pictures(3, 16, 16)
    out = augment(
        Policy(sub_policies=(SubPolicy(steps=steps),)),
        images,
        torch.zeros(6, dtype=torch.long),
        num_classes=2,
        generator=generator,
    )
    assert torch.equal(out.images, images)
    assert torch.equal(out.visibility, torch.ones(6))


@pytest.mark.parametrize("batch", [0, 1])
def test_empty_and_single_batches(batch, generator):
    for name in ("trivialaugment-wide", "randaugment", "soft-crop", "identity"):
        images = pictures(1, 10, 10, batch=2)[:batch]
        labels = torch.zeros(batch, dtype=torch.long)
        out = augment(Policy.preset(name), images, labels, num_classes=4, generator=generator)
        assert out.images.shape == images.shape and out.targets.shape == (batch, 4)


def test_memory_layout_does_not_matter():
    images = pictures(3, 16, 16)
    strided = images.contiguous(memory_format=torch.channels_last)
    flipped = images.flip(3).flip(3)
    for other in (strided, flipped):
        drawn = draw(Policy.preset("trivialaugment-wide"), 6, torch.Generator().manual_seed(3))
        assert torch.equal(apply(drawn, other), apply(drawn, images))


def test_wrong_images_are_refused(generator):
    with pytest.raises(UserError, match="uint8"):
        augment(Policy.preset("identity"), torch.zeros(2, 1, 8, 8), torch.zeros(2), num_classes=2, generator=generator)


# Frequencies. One fixed seed each; under the null a chi-square p-value is below 1e-6 once in a million seeds.
FALSE_ALARM = 1e-6


def counts(policy: Policy, batch: int) -> Draw:
    return draw(policy, batch, torch.Generator().manual_seed(11))


def test_operations_levels_and_signs_are_drawn_evenly():
    drawn = counts(Policy.preset("trivialaugment-wide"), 140_000)
    operations = drawn.operations[:, 0]
    assert chisquare(np.unique(operations, return_counts=True)[1]).pvalue > FALSE_ALARM
    rotated = drawn.magnitudes[operations == OPERATION_NAMES.index("rotate"), 0]
    seen, n = np.unique(rotated.abs().round(decimals=3), return_counts=True)
    assert len(seen) == 31 and chisquare(n).pvalue > FALSE_ALARM
    turned = rotated[rotated != 0]
    assert chisquare([(turned > 0).sum(), (turned < 0).sum()]).pvalue > FALSE_ALARM


def test_probabilities_and_weights_are_kept_and_a_planted_bias_is_caught():
    half = Step(operation="equalize", probability=0.5)
    policy = Policy(sub_policies=(SubPolicy(steps=(half,), weight=3), SubPolicy(steps=(), weight=1)))
    applied = int((counts(policy, 80_000).operations != 0).sum())
    assert chisquare([applied, 80_000 - applied], [30_000, 50_000]).pvalue > FALSE_ALARM
    biased = policy.model_copy(
        update={
            "sub_policies": (SubPolicy(steps=(Step(operation="equalize", probability=0.52),), weight=3), SubPolicy())
        }
    )
    applied = int((counts(biased, 80_000).operations != 0).sum())
    assert chisquare([applied, 80_000 - applied], [30_000, 50_000]).pvalue < FALSE_ALARM


def test_soft_crop_offsets_follow_the_truncated_normal():
    """σ 0.3 at 32 pixels: P(t) is the normal's mass of [t - ½, t + ½] given |t| <= 32."""
    policy = Policy(sub_policies=(SubPolicy(steps=(Step(operation="soft-crop", magnitude=0.3),)),))
    drawn = counts(policy, 40_000)
    from policysearch.augmentation.window import MOVES

    moves = MOVES["soft-crop"](drawn.magnitudes[:, 0], drawn.positions[:, 0], 32, 32)[:, 0, 1].int().numpy()
    ts = np.arange(-32, 33)
    n = np.array([(moves == t).sum() for t in ts])
    edges = np.clip(np.arange(-32.5, 33), -32, 32)
    mass = np.diff(norm.cdf(edges, scale=9.6))
    assert n.sum() == 40_000
    assert chisquare(n, 40_000 * mass / mass.sum()).pvalue > FALSE_ALARM
    truncated = np.diff(norm.cdf(np.clip(np.arange(-32.5, 33), -32, 32), scale=9.0))
    assert chisquare(n, 40_000 * truncated / truncated.sum()).pvalue < FALSE_ALARM


# Visibility and softening.


def count_visible(drawn: Draw, height: int, width: int) -> torch.Tensor:
    """By hand: an image of distinct pixel codes, in float through two uint8 planes, and its surviving codes."""
    codes = torch.arange(1, height * width + 1)
    planes = torch.stack([codes // 256, codes % 256]).to(torch.uint8).view(1, 2, height, width)
    out = apply(drawn, planes.repeat(len(drawn.operations), 1, 1, 1)).long().flatten(2)
    seen = out[:, 0] * 256 + out[:, 1]
    return torch.tensor([(row.unique() > 0).sum() / (height * width) for row in seen])


@pytest.mark.parametrize("size", [(32, 32), (12, 20)])
def test_visibility_counts_pixels(size, generator):
    names = ["soft-crop", "cutout", "rotate", "flip-horizontal", "shear-x", "translate-y", "pad-and-crop"]
    steps = tuple(
        Step(
            operation=n,
            probability=0.6,
            magnitude=None if not OPERATIONS[n].has_magnitude else 20 if n == "rotate" else 0.3,
        )
        for n in names
    )
    for chosen in (steps, steps[:1], steps[3:4] + steps[:1], steps[1:3]):
        drawn = draw(Policy(sub_policies=(SubPolicy(steps=chosen),)), 64, generator)
        assert torch.allclose(visibility(drawn, *size), count_visible(drawn, *size), atol=1e-6)


def test_visibility_of_a_known_crop():
    drawn = fixed("translate-x-pixels", 8, 1)
    assert visibility(drawn, 32, 32).item() == pytest.approx(0.75)
    drawn = fixed("cutout", 0.5, 1)
    assert visibility(drawn, 32, 32).item() == pytest.approx(0.75)


def test_confidence_is_equation_7():
    v = torch.tensor([0.0, 0.5, 1.0])
    assert confidence(v, 2, 0.1).tolist() == pytest.approx([0.1, 1 - 0.9 * 0.25, 1.0])
    assert confidence(v, 1, 0.0).tolist() == pytest.approx([0.0, 0.5, 1.0])


@pytest.mark.parametrize(
    ("mode", "target", "weight"), [("target", 0.775, 1), ("weight", 1, 0.775), ("both", 0.775, 0.775)]
)
def test_modes_soften_what_they_name(mode, target, weight, generator):
    shift = Step(operation="translate-x", magnitude=0.5)
    policy = Policy(sub_policies=(SubPolicy(steps=(shift,)),), softening=Softening(k=2, mode=mode))
    images = pictures(1, 8, 8)
    out = augment(policy, images, torch.full((6,), 3), num_classes=10, generator=generator)
    assert out.targets[:, 3].tolist() == pytest.approx([target] * 6)
    assert out.targets[:, 0].tolist() == pytest.approx([(1 - target) / 9] * 6)
    assert out.weights.tolist() == pytest.approx([weight] * 6)


def test_soft_loss_weighs_each_image_by_itself():
    """Two images, worked by hand: KL 0 and KL ln 2 with weights 1 and 0.5; the published slip would give 0.75·ln2/2."""
    logits = torch.tensor([[50.0, -50.0], [0.0, 0.0]], dtype=torch.float64)
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    loss = soft_loss(logits, targets, torch.tensor([1.0, 0.5], dtype=torch.float64))
    assert loss.item() == pytest.approx(0.5 * math.log(2) / 2)


def test_soft_loss_with_label_smoothing_is_torchs_cross_entropy_less_the_targets_entropy():
    g = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(5, 4, generator=g), torch.tensor([0, 1, 2, 3, 0])
    targets = torch.nn.functional.one_hot(labels, 4).float()
    smooth = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    p = torch.tensor([0.925, 0.025, 0.025, 0.025])
    assert soft_loss(logits, targets, torch.ones(5), 0.1).item() == pytest.approx(
        (smooth + (p * p.log()).sum()).item(), abs=1e-6
    )
