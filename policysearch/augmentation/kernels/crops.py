"""Boxes of the image resized to the whole: bilinear, as torchvision's `resized_crop` when nothing is shrunk.

A kernel takes (images [b, C, H, W], of which only the shape counts, magnitude [b] float32, numbers [b, K] in [0, 1))
and returns boxes [b, 4] float32 of whole numbers: top, left, height, width, in pixels; a box may reach outside the
image, where it is black, and is never larger than the image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from policysearch.augmentation.kernels.pixel_moves import truncated_normal

_LOG_RATIO = math.log(4 / 3)


def box_of_area(images: Tensor, area: Tensor, numbers: Tensor, widest: float) -> Tensor:
    """Boxes [b, 4] float32 (top, left, height, width) in whole pixels, of a share `area` [b] of the images, anywhere.

    log(width / height) is drawn evenly from ±`widest`, from those with which the box fits; numbers [b, 3] in [0, 1)
    are for that, top and left. (torchvision instead redraws area and shape ten times and then gives up, which makes
    large areas rarer than asked for.)
    """
    height, width = images.shape[2:]
    h, w = _sides_of_area(area, numbers[:, 0], widest, height, width)
    top, left = numbers[:, 1] * (height - h + 1), numbers[:, 2] * (width - w + 1)
    return torch.stack([top.floor(), left.floor(), h, w], 1)


def _sides_of_area(area: Tensor, u: Tensor, widest: float, height: int, width: int) -> tuple[Tensor, Tensor]:
    pixels = area * (height * width)
    highest = 2 * math.log(width) - pixels.log()
    lowest = pixels.log() - 2 * math.log(height)
    low = torch.maximum(lowest, torch.minimum(highest, lowest.new_tensor(-widest)))
    high = torch.minimum(highest, torch.maximum(lowest, lowest.new_tensor(widest)))
    half = (low + (high - low) * u).mul(0.5).exp()
    return ((pixels.sqrt() / half).round().clamp(1, height), (pixels.sqrt() * half).round().clamp(1, width))


def _resized_crop(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """A box of a share `magnitude` of the area, its shape log-even in [3/4, 4/3], any place alike (Inception crop)."""
    return box_of_area(images, magnitude, numbers, _LOG_RATIO)


def _soft_resized_crop(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Soft Augmentation's ImageNet crop (Liu et al. 2023, B.3) with L_min half the side.

    The box is smaller than the image by Δ from |N(0, σ(L - L_min))|, redrawn beyond L - L_min (the paper clips),
    an axis at a time; its centre lies from the image's by N(0, σ(L + l)), l the box's side, redrawn beyond (L + l)/2,
    where nothing would be seen.
    """
    sides = torch.tensor(images.shape[2:], dtype=torch.float32, device=magnitude.device)
    sigma, room = magnitude[:, None], (sides / 2).ceil()
    box = (sides - truncated_normal(0.5 + numbers[:, :2] / 2, sigma * room, room).round()).clamp(min=1)
    offset = truncated_normal(numbers[:, 2:4], sigma * (sides + box), (sides + box) / 2)
    return torch.cat([((sides - box) / 2 + offset).round(), box], 1)


CROPS = {"resized-crop": _resized_crop, "soft-resized-crop": _soft_resized_crop}


def _axis(start: Tensor, length: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """For every output place: the two source places [b, side] int64 and the second's share [b, side] float32."""
    at = torch.arange(side, device=start.device, dtype=torch.float32) + 0.5
    source = (at * (length / side)[:, None] - 0.5).clamp_(min=0)
    low = source.floor()
    high = torch.minimum(low + 1, length[:, None] - 1)
    return (low + start[:, None]).long(), (high + start[:, None]).long(), source - low


def _along(pixels: Tensor, places: Tensor, axis: int) -> Tensor:
    """pixels [b, C, H, W] at `places` [b, n] of an axis (2 or 3), 0 outside; new and contiguous."""
    side = pixels.shape[axis]
    inside = places.clamp(0, side - 1)
    out = _rows(pixels, inside) if axis == 2 else _columns(pixels, inside)

    # Most boxes lie inside, and hiding nothing costs as much as hiding. A GPU would have to be waited for.
    outside = places != inside
    if outside.device.type == "cpu" and not bool(outside.any()):
        return out
    return out.masked_fill_(outside.view(len(out), 1, *((-1, 1) if axis == 2 else (1, -1))), 0)


def _rows(pixels: Tensor, places: Tensor) -> Tensor:
    """Whole rows are copied, which costs a fraction of a gather of their pixels."""
    batch, channels, height, width = pixels.shape
    planes = torch.arange(batch * channels, device=pixels.device).view(batch, channels, 1) * height
    index = (planes + places[:, None]).flatten()
    flat = pixels.reshape(batch * channels * height, width)
    return flat.index_select(0, index).view(batch, channels, places.shape[1], width)


def _columns(pixels: Tensor, places: Tensor) -> Tensor:
    return pixels.gather(3, places[:, None, None].expand(-1, pixels.shape[1], pixels.shape[2], -1))


def resample(images: Tensor, boxes: Tensor) -> Tensor:
    """images [b, C, H, W] uint8 with each box [b, 4] resized to [H, W], bilinear, rounded."""
    pixels = images
    for axis in (2, 3):
        low, high, share = _axis(boxes[:, axis - 2], boxes[:, axis], images.shape[axis])
        shape = (-1, 1, images.shape[2], 1) if axis == 2 else (-1, 1, 1, images.shape[3])
        pixels = torch.lerp(_along(pixels, low, axis).float(), _along(pixels, high, axis).float(), share.view(shape))
    return pixels.round_().to(torch.uint8)


def nearest(values: Tensor, boxes: Tensor, fill: int) -> Tensor:
    """values [b, C, H, W] of any dtype with each box resized to [H, W], nearest neighbour: every source pixel of a
    box shows, as no box is larger than the image; `fill` outside."""
    out = values - fill
    for axis in (2, 3):
        start, length, side = boxes[:, axis - 2], boxes[:, axis], values.shape[axis]
        at = torch.arange(side, device=boxes.device, dtype=torch.float32) + 0.5
        out = _along(out, ((at * (length / side)[:, None]).floor() + start[:, None]).long(), axis)
    return out + fill
