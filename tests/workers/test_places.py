"""Where crops and masks fall, and how large they are, against what their papers say, on images that are not square.

Seeded; a right kernel fails a chi-square test here once in a million seeds.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision.transforms.v2 as T
from scipy.stats import binomtest, chisquare, kstest

from policysearch.augmentation.apply import apply
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.augmentation.visibility import visibility
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Uniform
from tests.support.pictures import fixed, pictures

FALSE_ALARM = 1e-6
HEIGHT, WIDTH, N = 20, 32, 20_000


@pytest.fixture
def numbers() -> torch.Tensor:
    return torch.rand(N, 8, generator=torch.Generator().manual_seed(7))


def of(name: str, magnitude: float, numbers: torch.Tensor) -> torch.Tensor:
    images = torch.zeros(1, 1, HEIGHT, WIDTH).expand(len(numbers), -1, -1, -1)
    return KERNELS[name](images, torch.full((len(numbers),), magnitude), numbers[:, : OPERATIONS[name].numbers])


def evenly(values: torch.Tensor, low: int, high: int) -> bool:
    found = torch.bincount((values - low).long(), minlength=high - low + 1)
    return len(found) == high - low + 1 and chisquare(found.numpy()).pvalue > FALSE_ALARM


def test_pad_and_crop_takes_every_place_alike(numbers):
    """A padding of an eighth: 2 of 20 rounded, 4 of 32."""
    offset = of("pad-and-crop", 0.125, numbers)[:, :, 1]
    assert evenly(offset[:, 0], -2, 2) and evenly(offset[:, 1], -4, 4)
    assert not evenly(offset[:, 1].clamp(min=-3), -4, 4)
    assert abs(torch.corrcoef(offset.T)[0, 1]) < 0.05


def test_soft_crops_sigma_is_a_share_of_the_longer_side_on_both_axes(numbers):
    offset = of("soft-crop", 0.1, numbers)[:, :, 1]
    assert offset.std(0).tolist() == pytest.approx([3.2, 3.2], rel=0.03)


def test_cutout_is_centred_on_every_pixel_alike_and_cut_off_at_the_edges(numbers):
    hidden = of("cutout", 0.5, numbers)
    rows, columns = hidden.any(2).float(), hidden.any(1).float()
    for found, side in ((rows, HEIGHT), (columns, WIDTH)):
        last = found.argmax(1) + found.sum(1) - 1  # of a square of 10, from 5 before its centre to 4 after
        assert found.sum(1).max() == 10 and found.sum(1).min() == 5
        inside = last[(found.sum(1) == 10)]
        assert evenly(inside, 9, side - 1)


def test_erased_boxes_lie_anywhere_alike(numbers):
    hidden = of("random-erasing", 0.1, numbers)
    top, height = hidden.any(2).float().argmax(1), hidden.any(2).sum(1)
    left, width = hidden.any(1).float().argmax(1), hidden.any(1).sum(1)
    for first, length, side in ((top, height, HEIGHT), (left, width, WIDTH)):
        for size in length.unique()[length.unique(return_counts=True)[1] > 1500].tolist():
            assert evenly(first[length == size], 0, side - size)


def test_resized_crops_lie_anywhere_alike(numbers):
    top, left, height, width = of("resized-crop", 0.3, numbers).unbind(1)
    for first, length, side in ((top, height, HEIGHT), (left, width, WIDTH)):
        for size in length.unique()[length.unique(return_counts=True)[1] > 1500].int().tolist():
            assert evenly(first[length == size], 0, side - size)


def test_the_imagenet_crops_least_side_is_half_of_each_side(numbers):
    boxes = of("soft-resized-crop", 1.0, numbers)
    assert boxes[:, 2].min() == HEIGHT / 2 and boxes[:, 3].min() == WIDTH / 2
    assert boxes[:, 2].max() == HEIGHT and boxes[:, 3].max() == WIDTH


def test_grid_masks_have_periods_and_places_drawn_evenly(numbers):
    """Of 20 pixels: periods of 9 to 20, hidden in full but for the place."""
    hidden = of("grid-mask", 0.5, numbers)
    share = hidden.float().mean((1, 2))
    assert 0.1 < share.mean() < 0.35 and share.std() > 0.02
    first = hidden.any(2)[:, 0].float().mean()
    assert 0.4 < first < 0.65, "half of all offsets hide the first row"


def test_hide_and_seek_has_four_grids_alike(numbers):
    """Each cell of 4, 5, 7 or 14 a side is hidden by itself; edges between cells tell the grid. A fifth hides none."""
    images = torch.full((2000, 1, 140, 140), 200, dtype=torch.uint8)
    hidden = apply(fixed("hide-and-seek", 0.5, 2000, numbers[:2000, :3]), images) == 0
    whole = ~hidden.flatten(1).any(1)
    assert binomtest(int(whole.sum()), 2000, 0.2).pvalue > FALSE_ALARM
    hidden = hidden[~whole]
    edges = (hidden[:, 0, 1:] != hidden[:, 0, :-1]).any(2)
    cells = [next(c for c in (7, 14, 5, 4) if not row.nonzero().add(1).remainder(140 // c).any()) for row in edges]
    assert chisquare(np.unique(cells, return_counts=True)[1]).pvalue > FALSE_ALARM and len(set(cells)) == 4


def test_augmix_has_the_levels_of_torchvision():
    """Severity 3 of ten levels, of torchvision's partial table (the paper's nine operations)."""
    names = {"ShearX": "shear-x", "ShearY": "shear-y", "TranslateX": "translate-x", "TranslateY": "translate-y"}
    unit = {"solarize": 255, "translate-x": 1 / 100, "translate-y": 1 / 100}
    (choice,) = set(Policy.preset("augmix").sub_policies[2].steps)
    ours = {step.operation: step.magnitude for step in choice.one_of}
    table = T.AugMix._PARTIAL_AUGMENTATION_SPACE
    assert {names.get(name, name.lower()) for name in table} == set(ours)
    for name, (magnitudes, _) in table.items():
        mine, levels = names.get(name, name.lower()), magnitudes(10, 100, 100)
        if levels is None:
            assert ours[mine] is None
            continue
        own = ours[mine]
        assert isinstance(own, Uniform) and own.levels == 3
        values = [own.start + (own.stop - own.start) * i / 2 for i in range(3)]
        theirs = [float(level) * unit.get(mine, 1) for level in levels[:3]]
        rounded = [round(v) for v in values] if mine == "posterize" else values
        assert rounded == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("size", [(63, 64), (64, 63), (32, 32)])
def test_a_quarter_turn_loses_no_more_than_an_edge(size):
    """Of sides one even and one odd every source place is a tie; all go one way, so that the picture stays whole."""
    for degrees in (90.0, -90.0, 180.0):
        images = pictures(1, *size, batch=2)
        short, long = min(size) / max(size), 2 / min(size)
        seen = visibility(fixed("rotate", degrees, 2), images)
        assert (seen > (1 if degrees == 180 else short) - long).all()


@pytest.mark.parametrize("size", [(1, 9), (9, 1), (1, 1)])
def test_perspective_at_nothing_changes_nothing_however_thin_the_image(size):
    images = pictures(1, *size, batch=3)
    assert torch.equal(apply(fixed("perspective", 0.0, 3), images), images)


def test_the_shapes_of_erased_boxes_are_log_even(numbers):
    images, share = torch.zeros(1, 1, 400, 400).expand(300, -1, -1, -1), torch.full((300,), 0.1)
    hidden = KERNELS["random-erasing"](images, share, numbers[:300, :3])
    log_ratio = (hidden.any(1).sum(1) / hidden.any(2).sum(1)).log() / np.log(3.3)
    assert kstest(log_ratio.numpy(), "uniform", args=(-1, 2)).pvalue > FALSE_ALARM
