"""Crops read whole rows and hide nothing where nothing is outside: the plain gather's pixels, to the last bit."""

from __future__ import annotations

import pytest
import torch

from policysearch.augmentation.kernels.crops import _axis, nearest, resample
from tests.support.pictures import pictures

SIZES = [(40, 3, 32, 32), (7, 1, 13, 11), (3, 3, 1, 1), (9, 3, 1, 40), (0, 3, 8, 8)]


def boxes(batch: int, height: int, width: int, beyond: bool) -> torch.Tensor:
    """[batch, 4], of any size that fits; `beyond` the image by up to half their sides."""
    g, sides = torch.Generator().manual_seed(3), torch.tensor([height, width]).float()
    lengths = (torch.rand(batch, 2, generator=g) * sides).floor() + 1
    starts = ((sides - lengths + 1) * torch.rand(batch, 2, generator=g)).floor()
    moved = ((torch.rand(batch, 2, generator=g) - 0.5) * lengths).round() if beyond else 0
    return torch.cat([starts + moved, lengths], 1)


def gathered(pixels: torch.Tensor, places: torch.Tensor, axis: int) -> torch.Tensor:
    side, shape = pixels.shape[axis], (-1, 1, places.shape[1], 1) if axis == 2 else (-1, 1, 1, places.shape[1])
    index = places.clamp(0, side - 1).view(shape).expand(pixels.shape)
    return pixels.gather(axis, index).masked_fill_(((places < 0) | (places >= side)).view(shape), 0)


@pytest.mark.parametrize("beyond", [False, True])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_resized_box_is_that_of_plain_gathers(size, beyond):
    batch, channels, height, width = size
    images, box = pictures(channels, height, width, batch=batch), boxes(batch, height, width, beyond)
    pixels = images.float()
    for axis, shape in ((2, (-1, 1, height, 1)), (3, (-1, 1, 1, width))):
        low, high, share = _axis(box[:, axis - 2], box[:, axis], images.shape[axis])
        pixels = torch.lerp(gathered(pixels, low, axis), gathered(pixels, high, axis), share.view(shape))
    expected = pixels.round().to(torch.uint8)
    assert torch.equal(resample(images, box), expected)
    assert torch.equal(resample(images.contiguous(memory_format=torch.channels_last), box), expected)


@pytest.mark.parametrize("fill", [-1, 0, 255])
@pytest.mark.parametrize("beyond", [False, True])
def test_the_nearest_pixels_of_a_box_are_those_of_plain_gathers(fill, beyond):
    box, values = boxes(8, 20, 15, beyond), torch.arange(8 * 300, dtype=torch.int32).view(8, 1, 20, 15)
    expected = values - fill
    for axis in (2, 3):
        side = values.shape[axis]
        at = torch.arange(side) + 0.5
        places = (at * (box[:, axis] / side)[:, None]).floor() + box[:, axis - 2, None]
        expected = gathered(expected, places.long(), axis)
    assert torch.equal(nearest(values, box, fill), expected + fill)
