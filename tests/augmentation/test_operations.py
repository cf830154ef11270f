"""Every operation against torchvision pixel by pixel, and the laws that all of them keep."""

from __future__ import annotations

import math
import sys

import pytest
import torch
import torchvision.transforms.v2.functional as TF
from scipy.stats import kstest

from policysearch.augmentation import Draw, augment, draw, register
from policysearch.augmentation.counter_rng import normals, uniforms
from policysearch.augmentation.kernels.filters import FILTERS, VISIBILITY
from policysearch.augmentation.kernels.glyphs import GLYPHS
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.augmentation.visibility import visibility
from policysearch.core.errors import UserError
from policysearch.policy.operations import OPERATIONS, Operation
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Step, Uniform
from tests.support.backends import apply
from tests.support.pictures import fixed, pictures, policy_of, some_step
from tests.support.selection import slow_but

SIZES = [(28, 28), (32, 32), (9, 21), (64, 48)]


def affine(image, **changes):
    full = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], **changes}
    return TF.affine(image, **full)


def degrees(m: float) -> float:
    return math.degrees(math.atan(m))


def factor(m: float) -> float:
    """1 + m, of the float32 in which magnitudes are drawn."""
    return 1 + float(torch.tensor(m))


def blurred(image: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = [min(math.ceil(3 * sigma), side - 1) for side in (image.shape[-1], image.shape[-2])]
    return TF.gaussian_blur(image, [2 * r + 1 for r in reach], [sigma, sigma]) if sigma else image


REFERENCE = {
    "identity": lambda x, m: x,
    "shear-x": lambda x, m: affine(x, shear=[degrees(m), 0.0], center=[0, 0]),
    "shear-y": lambda x, m: affine(x, shear=[0.0, degrees(m)], center=[0, 0]),
    "translate-x": lambda x, m: affine(x, translate=[int(m * x.shape[-1]), 0]),
    "translate-y": lambda x, m: affine(x, translate=[0, int(m * x.shape[-2])]),
    "translate-x-pixels": lambda x, m: affine(x, translate=[int(m), 0]),
    "translate-y-pixels": lambda x, m: affine(x, translate=[0, int(m)]),
    "rotate": TF.rotate,
    "brightness": lambda x, m: TF.adjust_brightness(x, factor(m)),
    "color": lambda x, m: TF.adjust_saturation(x, factor(m)),
    "contrast": lambda x, m: TF.adjust_contrast(x, factor(m)),
    "sharpness": lambda x, m: TF.adjust_sharpness(x, factor(m)),
    "posterize": lambda x, m: TF.posterize(x, round(m)),
    "solarize": lambda x, m: x if m > 255 else TF.solarize(x, m),
    "autocontrast": lambda x, m: TF.autocontrast(x),
    "equalize": lambda x, m: TF.equalize(x),
    "invert": lambda x, m: TF.invert(x),
    "flip-horizontal": lambda x, m: TF.horizontal_flip(x),
    "flip-vertical": lambda x, m: TF.vertical_flip(x),
    "grayscale": lambda x, m: TF.rgb_to_grayscale(x, x.shape[-3]),
    "hue": TF.adjust_hue,
    "gaussian-blur": blurred,
}
NEAREST = {"shear-x", "shear-y", "rotate"}
WITHIN_1 = {"color", "sharpness", "hue", "gaussian-blur"}  # filters in float, whose sums round in another order
FEW = 0.05  # at most so many pixels come from exactly between two, as a diagonal at 45 degrees, and fall either way


def ties(name: str, magnitude: float, numbers: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """[1, H, W] bool: pixels whose source lies, in float64, within 0.001 of the middle between two."""
    matrix = KERNELS[name](torch.zeros(1, 1, height, width), torch.tensor([magnitude]), numbers[None])[0].double()
    ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y, depth = torch.einsum("ij,jhw->ihw", matrix, torch.stack([xs, ys, torch.ones_like(xs)]).double())
    halves = torch.stack([x / depth, y / depth]).frac().abs()
    return ((halves - 0.5).abs() < 1e-3).any(0)[None]


def assert_near(ours: torch.Tensor, theirs: torch.Tensor, name: str, m: float, numbers: torch.Tensor) -> None:
    differ = ours != theirs
    assert not (differ & ~ties(name, m, numbers, *ours.shape[-2:])).any(), m
    assert differ.float().mean() < FEW, m


def assert_contrast(images: torch.Tensor, ours: torch.Tensor, theirs: torch.Tensor, m: float) -> None:
    """torch's vector loop rounds a product and sum once, its remainder twice, so that one grey value becomes two in one
    image; that shows only where the exact result is a whole number."""
    gray = images.double() if images.shape[1] == 1 else TF.rgb_to_grayscale(images).double()
    exact = images.double() * factor(m) + gray.mean((1, 2, 3), keepdim=True) * (1 - factor(m))
    whole = (exact - exact.round()).abs() < 1e-4
    gap = (ours.int() - theirs.int()).abs()
    assert not (gap > 0)[~whole].any() and gap.max() <= 1, m


def levels(name: str) -> list[float]:
    row = OPERATIONS[name]
    spans = [span for span in (row.standard, row.wide) if span]
    values = {a + (b - a) * i / 30 for a, b in spans for i in range(31)} or {0.0}
    return sorted(values | ({-v for v in values} if row.signed else set()))


@pytest.mark.parametrize(
    ("channels", "size"),
    slow_but([(1, (28, 28)), (3, (32, 32)), (3, (9, 21))], [(channels, size) for channels in (1, 3) for size in SIZES]),
)
@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_equals_torchvision(name, channels, size):
    images = pictures(channels, *size)
    values = levels(name)
    if size == (64, 48):
        values = values[:: max(1, len(values) // 4)]
    for m in values:
        ours = apply(fixed(name, m, len(images)), images)
        theirs = torch.stack([REFERENCE[name](image, m) for image in images])
        if name in NEAREST:
            assert_near(ours, theirs, name, m, torch.empty(0))
        elif name == "contrast":
            assert_contrast(images, ours, theirs, m)
        else:
            assert (ours.int() - theirs.int()).abs().max() <= (1 if name in WITHIN_1 else 0), m


def test_a_wrong_shear_and_a_wrong_table_would_be_noticed():
    images = pictures(3, 32, 32)
    ours = apply(fixed("shear-x", 0.2, len(images)), images)
    theirs = torch.stack([REFERENCE["shear-x"](image, 0.25) for image in images])
    with pytest.raises(AssertionError):
        assert_near(ours, theirs, "shear-x", 0.2, torch.empty(0))
    ours = apply(fixed("brightness", 0.3, len(images)), images)
    theirs = torch.stack([REFERENCE["brightness"](image, 0.31) for image in images])
    assert (ours.int() - theirs.int()).abs().max() > 0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(32, 32), (21, 34)])
def test_perspective_equals_torchvision_for_its_corners(channels, size, generator):
    height, width = size
    images = pictures(channels, *size)
    for distortion in (0.0, 0.2, 0.5, 0.9):
        numbers = torch.rand(len(images), 8, generator=generator)
        ours = apply(fixed("perspective", distortion, len(images), numbers), images)
        start = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
        for i, image in enumerate(images):
            inward = [
                [int(u * (int(distortion * (side // 2)) + 1)) for u, side in zip(pair, (width, height), strict=True)]
                for pair in numbers[i].view(4, 2).double().tolist()
            ]
            end = [
                [x + dx if x == 0 else x - dx, y + dy if y == 0 else y - dy]
                for (x, y), (dx, dy) in zip(start, inward, strict=True)
            ]
            theirs = TF.perspective(image, start, end, interpolation=TF.InterpolationMode.NEAREST)
            assert_near(ours[i], theirs, "perspective", distortion, numbers[i])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["resized-crop", "soft-resized-crop"])
def test_resized_crops_equal_torchvision(name, channels, generator):
    images = pictures(channels, 32, 40, batch=24)
    magnitude = torch.full((24,), 0.25)
    numbers = torch.rand(24, OPERATIONS[name].numbers, generator=generator)
    boxes = KERNELS[name](images, magnitude, numbers).int().tolist()
    ours = apply(fixed(name, 0.25, 24, numbers), images)
    for image, box, mine in zip(images, boxes, ours, strict=True):
        theirs = TF.resized_crop(image, *box, size=[32, 40], antialias=False)
        assert (mine.int() - theirs.int()).abs().max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "magnitude"), [("pad-and-crop", 0.25), ("soft-crop", 0.3), ("soft-crop", 1.0)])
def test_crops_equal_torchvisions_pad_and_crop(name, magnitude, channels, generator):
    height, width = 21, 34
    images = pictures(channels, height, width, batch=40)
    numbers = torch.rand(40, 2, generator=generator)
    ours = apply(fixed(name, magnitude, 40, numbers), images)
    offsets = KERNELS[name](images, torch.full((40,), magnitude), numbers)[:, :, 1].int().tolist()
    for image, (top, left), mine in zip(images, offsets, ours, strict=True):
        padded = TF.pad(image, [width, width])
        assert torch.equal(mine, TF.crop(padded, top + width, left + width, height, width))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "magnitude"), [("cutout", 0.4), ("random-erasing", 0.3)])
def test_hidden_boxes_equal_torchvisions_erase(name, magnitude, channels, generator):
    images = pictures(channels, 21, 34, batch=40)
    numbers = torch.rand(40, OPERATIONS[name].numbers, generator=generator)
    ours = apply(fixed(name, magnitude, 40, numbers), images)
    hidden = KERNELS[name](images, torch.full((40,), magnitude), numbers)
    for image, box, mine in zip(images, hidden, ours, strict=True):
        rows, columns = box.any(1).nonzero().flatten(), box.any(0).nonzero().flatten()
        top, left = int(rows[0]), int(columns[0])
        height, width = int(rows[-1]) - top + 1, int(columns[-1]) - left + 1
        erased = TF.erase(image, top, left, height, width, torch.zeros(1, 1, 1, dtype=torch.uint8))
        assert box.sum() == height * width and torch.equal(mine, erased)


def test_resized_crops_have_the_area_asked_for_and_the_published_shapes(generator):
    images = torch.zeros(4000, 1, 224, 224, dtype=torch.uint8)[:, :, :1, :1].expand(-1, -1, 224, 224)
    area = 0.08 + 0.92 * torch.rand(4000, generator=generator)
    top, left, height, width = KERNELS["resized-crop"](images, area, torch.rand(4000, 3, generator=generator)).unbind(1)
    assert ((height * width / 224**2 - area).abs() < 0.01).all()
    assert ((width / height).log().abs() < math.log(4 / 3) + 0.06).all()
    assert (top >= 0).all() and (top + height <= 224).all() and (left >= 0).all() and (left + width <= 224).all()


def test_resized_crop_differs_from_torchvisions_only_by_rarer_redraws(generator):
    """torchvision redraws areas whose box does not fit; below 9/16 of a square's area every shape fits, and the
    two shape distributions are one: the log of the shape is uniform. False alarm 1e-6."""
    images = torch.zeros(1, 1, 224, 224, dtype=torch.uint8).expand(20_000, -1, -1, -1)
    area = torch.full((20_000,), 0.5)
    boxes = KERNELS["resized-crop"](images, area, torch.rand(20_000, 3, generator=generator))
    shape = (boxes[:, 3] / boxes[:, 2]).log() / math.log(4 / 3)
    jitter = torch.rand(20_000, generator=generator) * 0.02 - 0.01  # sides are whole pixels
    assert kstest((shape + jitter).clamp(-1, 1).numpy(), "uniform", args=(-1, 2)).pvalue > 1e-6


def test_masks_hide_what_their_papers_say(generator):
    images = torch.full((400, 1, 56, 56), 200, dtype=torch.uint8)
    u = torch.rand(400, 3, generator=generator)
    erased = (apply(fixed("random-erasing", 0.2, 400, u), images) == 0).float()
    assert ((erased.mean((1, 2, 3)) - 0.2).abs() < 0.02).all()
    sides = erased.amax(3).sum(2), erased.amax(2).sum(2)
    assert ((sides[0] / sides[1]).log().abs() < math.log(3.3) + 0.1).all()
    grid = (apply(fixed("grid-mask", 0.5, 400, u), images) == 0).float().mean((1, 2, 3))
    assert grid.min() > 0.1 and grid.max() < 0.5 and abs(grid.mean() - 0.25) < 0.02
    hidden = (apply(fixed("hide-and-seek", 0.5, 400, u), images) == 0).float().mean((1, 2, 3))
    seen = hidden == 0  # a fifth, within 4 binomial deviations of 400 images
    assert abs(seen.float().mean() - 0.2) < 0.08
    assert abs(hidden[~seen].mean() - 0.5) < 0.03 and hidden[~seen].std() > 0.03


def test_grid_mask_is_the_papers_pattern():
    """Period 28 of 56 pixels (u 0.125 of 24..56), hidden side 14, no offset: two squares a side."""
    images = torch.full((1, 1, 56, 56), 9, dtype=torch.uint8)
    out = apply(fixed("grid-mask", 0.5, 1, torch.tensor([[4.5 / 33, 0.0, 0.0]])), images)[0, 0]
    line = torch.tensor([0] * 14 + [9] * 14).repeat(2)
    assert torch.equal(out, torch.maximum(line[:, None], line[None]).to(torch.uint8))


def test_noise_is_table_6s(generator):
    """X + αX_noise, X_noise from N(0, 0.1²) of the grey range: α 0.8 has a deviation of 20.4 grey values."""
    images = torch.full((60, 3, 32, 32), 128, dtype=torch.uint8)
    noisy = apply(fixed("noise", 0.8, 60, torch.rand(60, 2, generator=generator)), images).double() - 128
    assert abs(noisy.mean()) < 0.3 and noisy.std().item() == pytest.approx(20.4, abs=0.2)
    flat = noisy.flatten(1)
    assert (torch.corrcoef(flat).fill_diagonal_(0).abs() < 0.12).all(), "images share no pattern"


def test_hashed_numbers_are_even_and_normal():
    """Kolmogorov-Smirnov at 1e-6 over 40 images, and a planted fault, numbers that end at 0.98."""
    seeds = torch.rand(40, 2, generator=torch.Generator().manual_seed(3))
    assert kstest(uniforms(seeds, 2000).flatten().numpy(), "uniform").pvalue > 1e-6
    assert kstest(normals(seeds, 2000).flatten().numpy(), "norm").pvalue > 1e-6
    assert len(uniforms(seeds, 50)[:, 7].unique()) == 40
    assert torch.equal(uniforms(seeds, 50), uniforms(seeds, 80)[:, :50])
    assert kstest((uniforms(seeds, 2000) * 0.98).flatten().numpy(), "uniform").pvalue < 1e-6
    for half in (0, 1):
        other = seeds.clone()
        other[:, half] = 1 - other[:, half]
        assert (uniforms(seeds, 2000) != uniforms(other, 2000)).float().mean() > 0.99, "both halves of the seed count"


# Laws, for every operation.

EVERY = sorted(OPERATIONS)


def drawn_of(name: str, batch: int, seed: int = 4) -> Draw:
    return draw(policy_of(some_step(name)), batch, torch.Generator().manual_seed(seed))


def test_the_table_and_the_kernels_agree():
    assert {name for name, row in OPERATIONS.items() if row.kind != "identity"} == set(KERNELS)
    assert {name for name, row in OPERATIONS.items() if row.visibility == "formula"} == set(VISIBILITY)
    assert {name for name, row in OPERATIONS.items() if row.kind == "filter"} == {*FILTERS, *GLYPHS}


@pytest.mark.parametrize("size", [(8, 8), (9, 30), (33, 17), (224, 224)])
@pytest.mark.parametrize("name", EVERY)
def test_laws(name, size):
    batch = 3 if size == (224, 224) else 7
    for channels in (1, 2, 3):
        images = pictures(channels, *size, batch=batch)
        before, drawn = images.clone(), drawn_of(name, batch)
        out = apply(drawn, images)
        assert out.shape == images.shape and out.dtype == torch.uint8 and out.device == images.device
        assert out.data_ptr() != images.data_ptr()
        assert torch.equal(images, before), "the input changed"
        assert torch.equal(apply(drawn, images), out), "the same draw gave other pixels"
        for i in range(batch):
            assert torch.equal(apply(drawn.rows(slice(i, i + 1)), images[i : i + 1])[0], out[i]), (
                "batched is not single"
            )
        for other in (images.contiguous(memory_format=torch.channels_last), images.flip(3).flip(3), images[:, :, :, :]):
            assert torch.equal(apply(drawn, other), out), "the layout matters"
        assert torch.equal(apply(drawn, images.transpose(2, 3).contiguous().transpose(2, 3)), out)
        assert apply(drawn_of(name, 0), images[:0]).shape == (0, channels, *size)


@pytest.mark.parametrize("name", EVERY)
def test_an_image_depends_on_its_own_row_alone(name, generator):
    """Whatever else is in the batch; smooth images and 600 magnitudes, so that sums in another order would show."""
    images = torch.nn.functional.avg_pool2d(torch.rand(600, 1, 28, 28, generator=generator) * 255, 3, 1, 1)
    row = OPERATIONS[name]
    low, high = row.standard or (row.low, row.high)
    span = Uniform(start=min(low, high), stop=max(low, high)) if row.has_magnitude else None
    policy = policy_of(Step(operation=name, magnitude=span))
    drawn, images = draw(policy, 600, generator), images.to(torch.uint8)

    together = apply(drawn, images)
    for part in drawn.magnitudes[:, 0].argsort().split(30):
        assert torch.equal(apply(drawn.rows(part), images[part]), together[part])


@pytest.mark.parametrize("name", EVERY)
def test_probability_0_is_identity(name, generator):
    images = pictures(3, 16, 16)
    step = some_step(name, 1.0).model_copy(update={"probability": 0.0})
    out = augment(policy_of(step), images, torch.zeros(6).long(), num_classes=2, generator=generator)
    assert torch.equal(out.images, images) and torch.equal(out.visibility, torch.ones(6))


@pytest.mark.parametrize("name", sorted(n for n, row in OPERATIONS.items() if row.neutral is not None))
def test_neutral_magnitude_is_identity(name, generator):
    row = OPERATIONS[name]
    for size in ((15, 20), (32, 32)):
        images = pictures(3, *size)
        numbers = torch.rand(6, row.numbers, generator=generator)
        assert torch.equal(apply(fixed(name, row.neutral, 6, numbers), images), images)


@pytest.mark.parametrize("name", EVERY)
def test_the_ends_of_the_range_are_safe(name):
    row = OPERATIONS[name]
    for magnitude in {row.low, row.high, -row.high if row.signed else row.high}:
        for number in (0.0, 0.5, 1 - 2**-24):
            for size in ((8, 8), (1, 1), (3, 50), (2, 2)):
                images = pictures(3, *size)
                assert apply(fixed(name, magnitude, 6, number), images).shape == images.shape


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", EVERY)
def test_cuda_equals_cpu(name):
    images, drawn = pictures(3, 32, 32), drawn_of(name, 6)
    moved = Draw(drawn.names, drawn.operations.cuda(), drawn.magnitudes.cuda(), drawn.numbers.cuda())
    out = apply(moved, images.cuda())
    gap = (out.cpu().int() - apply(drawn, images).int()).abs()
    assert out.is_cuda and ((gap > 0).float().mean() < FEW if name in NEAREST | {"perspective"} else gap.max() <= 1)


# Operations of one's own.


def halved(images, magnitude, numbers):
    return images // 2


def _forget(name: str) -> None:
    for table in (OPERATIONS, KERNELS, VISIBILITY):
        table.pop(name, None)


@pytest.fixture
def darker():
    register(Operation("darker", "filter"), halved)
    yield "darker"
    _forget("darker")


def test_a_registered_operation_is_like_the_others(darker, generator):
    images = pictures(3, 12, 12)
    policy = Policy.from_dict({"sub_policies": [{"steps": [{"operation": "darker"}, {"operation": "invert"}]}]})
    out = augment(policy, images, torch.zeros(6).long(), num_classes=2, generator=generator)
    assert torch.equal(out.images, 255 - images // 2)


@pytest.mark.parametrize(
    ("row", "kernel", "told"),
    [
        (Operation("equalize", "filter"), halved, "exists already"),
        (Operation("mine", "identity"), halved, "kind of mine"),
        (Operation("mine", "table"), halved, r"must give \[b, C, 256\]"),
        (Operation("mine", "filter"), lambda images, magnitude, numbers: images.float(), "uint8"),
        (Operation("mine", "filter"), lambda images, magnitude: images, "fails on two images"),
        (Operation("mine", "filter"), lambda images, magnitude, numbers: sys.exit(2), "fails on two images"),
        (Operation("mine", "filter"), lambda images, magnitude, numbers: images.sub_(1), "changes the images"),
        (Operation("mine", "filter"), lambda images, magnitude, numbers: images - len(images), "alone than in a batch"),
        (Operation("mine", "move"), lambda i, m, n: torch.full((len(m), 2, 2), 2.0), "scales of 1 or -1"),
        (Operation("mine", "filter", visibility="formula"), halved, "visibility"),
        (OPERATIONS["invert"], halved, "exists already"),
        (Operation("mine", "filter"), lambda i, m, n: i[:, [2, 1, 0]], "two images of 1×9×12"),
        (Operation("mine", "filter"), lambda i, m, n: i + torch.rand(()).mul(99).to(i.dtype), "each time"),
        (Operation("mine", "move"), lambda i, m, n: torch.full((len(m), 2, 2), 1.0) * 1.5, "scales of 1 or -1"),
    ],
)
def test_bad_operations_are_refused(row, kernel, told):
    with pytest.raises(UserError, match=told):
        register(row, kernel)
    assert "mine" not in OPERATIONS


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"name": "Foo Bar"}, "hyphens"),
        ({"name": "foo", "unit": "much", "low": 2, "high": 1}, "low <= neutral"),
        ({"name": "foo", "unit": "much", "high": 1, "standard": (0, 5)}, "standard"),
        ({"name": "foo", "high": 1, "neutral": 0}, "has a unit"),
        ({"name": "foo", "visibility": "counted"}, "whole or formula"),
    ],
)
def test_bad_rows_are_refused(row, told):
    with pytest.raises(UserError, match=told):
        Operation(kind="filter", **row)


def test_visibility_goes_by_kind_or_by_the_function_given():
    assert Operation("mine", "mask").visibility == "counted" and Operation("mine", "table").visibility == "information"
    register(Operation("halving", "filter"), halved, visibility=lambda images, m: torch.full_like(m, 0.25))
    try:
        assert OPERATIONS["halving"].visibility == "formula"
        assert visibility(fixed("halving", 0, 2), pictures(1, 8, 8, batch=2)).tolist() == [0.25, 0.25]
    finally:
        _forget("halving")
    for wrong in (lambda images, m: 3, lambda images, m: m + float("nan"), lambda images, m: m + 5):
        with pytest.raises(UserError, match=r"visibility|fails"):
            register(Operation("halving", "filter"), halved, visibility=wrong)


def test_steps_with_unknown_operations_are_refused():
    with pytest.raises(ValueError, match="did you mean"):
        Step(operation="equalise")
