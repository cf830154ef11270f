"""A `collate_fn` that mixes the images of a batch; it needs torch alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.utils.data import default_collate

from policysearch.augmentation.mixing import Mixed, _cutmix, _mixup, _mosaic, _pairs, _sample_pairing
from policysearch.augmentation.sampling import MixDraw
from policysearch.export.templates.label_checks import class_of
from policysearch.export.templates.torchvision_soft import Mix

__all__ = ["Mix", "_cutmix", "_mosaic"]


def lerp(images: Tensor, draw: MixDraw, share: Tensor) -> Tensor:
    """share·image + (1 - share)·partner of floating point images."""
    share = share.to(images.dtype)[:, None, None, None]
    return images * share + images[draw.partners[:, 0]] * (1 - share)


def mixup(images: Tensor, draw: MixDraw, maps: Tensor | None) -> Mixed:
    """λ·a + (1 - λ)·b, whole numbers of uint8 images (Zhang et al. 2018)."""
    if not images.is_floating_point():
        return _mixup(images, draw, maps)
    share = draw.shares[:, 0]
    return lerp(images, draw, share), _pairs(draw), torch.stack([share, 1 - share], 1)


def sample_pairing(images: Tensor, draw: MixDraw, maps: Tensor | None) -> Mixed:
    """The mean of a and b; the target stays a's (Inoue 2018)."""
    if not images.is_floating_point():
        return _sample_pairing(images, draw, maps)
    half = torch.full_like(draw.shares[:, 0], 0.5)
    shares = torch.stack([torch.ones_like(half), torch.zeros_like(half)], 1)
    return lerp(images, draw, half), _pairs(draw), shares


class MixCollate:
    """Samples (image [C, H, W], class), as a data set gives them -> images [B, C, H, W], targets [B, classes].

    Images are tensors of one size, uint8 or of floating point, before or after they are normalised. Draws come from
    torch's global generator. `mixes`: from which share of the training on, in [0, 1), the batch is mixed by what (None:
    not); `progress` is that share.

    Raises:
        ValueError: images are no tensors [C, H, W], or labels no classes.
    """

    def __init__(self, num_classes: int, mixes: Sequence[tuple[float, Any]]) -> None:
        self.num_classes, self.mixes = num_classes, mixes
        self.progress = 0.0

    def __call__(self, samples: Sequence[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
        wrong = next((image for image, _ in samples if not isinstance(image, Tensor) or image.ndim != 3), None)
        if wrong is not None:
            shape = list(getattr(wrong, "shape", getattr(wrong, "size", ())))
            raise ValueError(f"images must be tensors [C, H, W], got {type(wrong).__name__} {shape}")
        images, labels = default_collate([(image, class_of(label, self.num_classes)) for image, label in samples])
        targets = one_hot(labels, self.num_classes).float()
        mix = next(mix for start, mix in reversed(self.mixes) if self.progress >= start)
        if mix is None:
            return images, targets
        mixed, targets, _ = mix(images, targets, torch.ones(len(images)))
        return mixed, targets
