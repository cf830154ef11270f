"""Mixing the images of a batch: (images [B, C, H, W] uint8, draw, maps) -> (images, sources [B, n], shares [B, n]).

`sources` are the images that went into each image, itself first, and `shares` what each counts in its target.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.augmentation.kernels.masks import inside
from policysearch.augmentation.kernels.pixel_moves import rows_a_piece
from policysearch.augmentation.sampling import MixDraw

Mixed = tuple[Tensor, Tensor, Tensor]

_LEAST_ACTIVATION = 1e-9  # a map that sums to less says nothing


def mix(
    draw: MixDraw, images: Tensor, targets: Tensor, weights: Tensor, maps: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Mix images, targets and weights; images that do not take part stay as they are.

    t = Σ_s share_s·t_s / Σ_s share_s and w = Σ_s share_s·w_s over an image's sources s: for mixup and CutMix
    λ t_a + (1 - λ) t_b and λ w_a + (1 - λ) w_b.

    Args:
        draw: what was drawn for these B images.
        images: [B, C, H, W] uint8; left as they are.
        targets: [B, num_classes] float32.
        weights: [B] float32.
        maps: [B, 1, H, W] float32, 0 or more: where each image shows its class; for SnapMix.
    """
    return shared(MIXERS[draw.operation](images, draw, maps), draw, images, targets, weights)


def shared(
    result: Mixed, draw: MixDraw, images: Tensor, targets: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Give the images that take part what a mixer returned, with the targets and weights that go with it.

    Args:
        result: of a mixer, for all B images.
        draw: which of them take part.
        images, targets, weights: as for `mix`, before the mix.
    """
    mixed, sources, shares = result
    alone = torch.zeros_like(shares)
    alone[:, 0] = 1
    shares = torch.where(draw.applied[:, None], shares, alone)
    mixed = torch.where(draw.applied[:, None, None, None], mixed, images)
    total = shares.sum(1, keepdim=True)
    even = torch.where(total > 0, shares / total.clamp(min=1e-9), alone)
    return mixed, (targets[sources] * even[:, :, None]).sum(1), (weights[sources] * shares).sum(1)


def pasted(
    mixer: Callable[[Tensor, MixDraw, None], Mixed], draw: MixDraw, images: Tensor, masks: Tensor
) -> tuple[Tensor, Tensor]:
    """Mix images and the classes of their pixels alike; images that do not take part stay as they are.

    Args:
        mixer: takes every pixel from one image.
        draw: what was drawn for these B images.
        images: [B, C, H, W] uint8; left as they are.
        masks: [B, 1, H, W] of any dtype; left as they are.
    """
    takes_part = draw.applied[:, None, None, None]
    mixed, moved = (mixer(values, draw, None)[0] for values in (images, masks))
    return torch.where(takes_part, mixed, images), torch.where(takes_part, moved, masks)


def _pairs(draw: MixDraw) -> Tensor:
    selves = torch.arange(len(draw.applied), device=draw.applied.device)
    return torch.stack([selves, draw.partners[:, 0]], 1)


def _blend(images: Tensor, partners: Tensor, share: Tensor) -> Tensor:
    """share·image + (1 - share)·partner, a few images at a time: float32 copies of a whole batch leave the cache."""
    share, out = share[:, None, None, None], torch.empty_like(images)
    step = rows_a_piece(images)
    for at in range(0, len(images), step):
        piece = slice(at, at + step)
        blended = images[piece] * share[piece]
        blended += images[partners[piece]] * (1 - share[piece])
        out[piece] = blended.round_()
    return out


def _mixup(images: Tensor, draw: MixDraw, maps: Tensor | None) -> Mixed:
    """λ·a + (1 - λ)·b, rounded, λ from Beta(α, α) (Zhang et al. 2018, equation 1)."""
    share = draw.shares[:, 0]
    return _blend(images, draw.partners[:, 0], share), _pairs(draw), torch.stack([share, 1 - share], 1)


def _sample_pairing(images: Tensor, draw: MixDraw, maps: Tensor | None) -> Mixed:
    """The mean of a and b; the target stays a's (Inoue 2018)."""
    half = torch.full_like(draw.shares[:, 0], 0.5)
    shares = torch.stack([torch.ones_like(half), torch.zeros_like(half)], 1)
    return _blend(images, draw.partners[:, 0], half), _pairs(draw), shares


def _boxes(share: Tensor, centre: Tensor, height: int, width: int) -> Tensor:
    """[B, 4] int64 (top, bottom, left, right): a box of 1 - λ of the area around a pixel, cut off at the edges.

    Yun et al. 2019, equation 2, sides cut to whole pixels as in its public code.
    """
    sides = torch.tensor([height, width], device=share.device)
    half = ((1 - share).sqrt()[:, None] * sides).floor().div_(2).floor()
    middle = (centre * sides).floor()
    zero = torch.zeros_like(half)
    low, high = torch.maximum(middle - half, zero), torch.minimum(middle + half, zero + sides)
    return torch.stack([low[:, 0], high[:, 0], low[:, 1], high[:, 1]], 1).long()


def _inside(boxes: Tensor, images: Tensor) -> Tensor:
    """[B, 1, H, W] bool."""
    top, bottom, left, right = boxes.unbind(1)
    return inside(images, top, left, bottom - top, right - left)[:, None]


def _cutmix(images: Tensor, draw: MixDraw, maps: Tensor | None) -> Mixed:
    """A box of b at the same place in a; λ becomes the share of a's pixels left (Yun et al. 2019)."""
    pasted = _inside(_boxes(draw.shares[:, 0], draw.numbers[:, :2], *images.shape[2:]), images)
    share = 1 - pasted.float().mean((1, 2, 3))
    mixed = torch.where(pasted, images[draw.partners[:, 0]], images)
    return mixed, _pairs(draw), torch.stack([share, 1 - share], 1)


def _mosaic(images: Tensor, draw: MixDraw, maps: Tensor | None) -> Mixed:
    """Four images, each with a corner at a centre drawn evenly from the middle half of both sides, cut off at the
    edges (Bochkovskiy et al. 2020, in one image's size); targets by area."""
    height, width = images.shape[2:]
    sides = torch.tensor([height, width], device=images.device)
    y, x = ((0.25 + draw.numbers[:, :2] / 2) * sides).round().long().unbind(1)
    ys, xs = torch.arange(height, device=images.device), torch.arange(width, device=images.device)
    below, right = ys >= y[:, None], xs >= x[:, None]
    rows = torch.where(below, ys - y[:, None], ys - y[:, None] + height)
    columns = torch.where(right, xs - x[:, None], xs - x[:, None] + width)
    which = below.long()[:, :, None] * 2 + right.long()[:, None]
    sources = torch.cat([torch.arange(len(images), device=images.device)[:, None], draw.partners], 1)
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    mixed = images.permute(0, 2, 3, 1)[sources[batch, which], rows[:, :, None], columns[:, None]]
    shares = torch.stack([(which == q).float().mean((1, 2)) for q in range(4)], 1)
    return mixed.permute(0, 3, 1, 2).contiguous(), sources, shares


def _snapmix(images: Tensor, draw: MixDraw, maps: Tensor | None) -> Mixed:
    """Resize a box of b onto a box of a; each counts by the activation of its class that it keeps or gives.

    Huang et al. 2021, equations 3 to 6: ρ_a = 1 - Σ_box S(a), ρ_b = Σ_box S(b), S a map that sums to 1. A map that is 0
    everywhere, as a network gives that sees its class nowhere yet, counts by area.
    """
    assert maps is not None
    height, width = images.shape[2:]
    partner = draw.partners[:, 0]
    onto = _boxes(draw.shares[:, 0], draw.numbers[:, :2], height, width)
    taken = _boxes(draw.shares[:, 1], draw.numbers[:, 2:], height, width)[partner]
    covered, cut_out = _inside(onto, images), _inside(taken, images)

    blank = maps.sum((1, 2, 3), keepdim=True) < _LEAST_ACTIVATION
    maps = torch.where(blank, torch.ones_like(maps), maps)
    whole = maps.sum((1, 2, 3))
    lost = (maps * covered).sum((1, 2, 3)) / whole
    gained = (maps[partner] * cut_out).sum((1, 2, 3)) / whole[partner]

    empty = (covered.sum((1, 2, 3)) == 0) | (cut_out.sum((1, 2, 3)) == 0)
    shares = torch.stack([torch.where(empty, 1.0, 1 - lost), torch.where(empty, 0.0, gained)], 1)
    pasted = _resized_onto(images[partner], taken, onto)
    return torch.where(covered & ~empty[:, None, None, None], pasted, images), _pairs(draw), shares


def _resized_onto(images: Tensor, taken: Tensor, onto: Tensor) -> Tensor:
    """The images with box `taken` resized onto box `onto`, bilinear; what lies outside `onto` means nothing."""
    height, width = images.shape[2:]
    places = []
    for axis, side in ((0, height), (1, width)):
        start, stop = taken[:, 2 * axis, None].float(), taken[:, 2 * axis + 1, None].float()
        first, last = onto[:, 2 * axis, None].float(), onto[:, 2 * axis + 1, None].float()
        at = torch.arange(side, device=images.device) + 0.5 - first
        source = start + at * (stop - start) / (last - first).clamp(min=1)
        source = torch.minimum(torch.maximum(source, start + 0.5), stop - 0.5)
        places.append(source * 2 / side - 1)
    grid = torch.stack(torch.broadcast_tensors(places[1][:, None, :], places[0][:, :, None]), 3)
    return F.grid_sample(images.float(), grid, align_corners=False).round_().clamp_(0, 255).to(torch.uint8)


MIXERS: dict[str, Callable[[Tensor, MixDraw, Tensor | None], Mixed]] = {
    "mixup": _mixup,
    "cutmix": _cutmix,
    "sample-pairing": _sample_pairing,
    "mosaic": _mosaic,
    "snapmix": _snapmix,
}
