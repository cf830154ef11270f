"""`augment`: a policy applied to a batch, each image with its own draw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.augmentation.apply import apply, visibility
from policysearch.augmentation.draw import Draw, draw
from policysearch.augmentation.soften import soften
from policysearch.errors import UserError
from policysearch.policy import Policy

__all__ = ["Augmented", "augment"]


@dataclass(frozen=True)
class Augmented:
    """A batch after augmentation.

    Attributes:
        images: [B, C, H, W] uint8.
        targets: [B, num_classes] float32, rows sum to 1.
        weights: [B] float32 in [0, 1].
        draw: what was drawn, as data.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor
    draw: Draw

    @cached_property
    def visibility(self) -> Tensor:
        """[B] float32 in [0, 1]: the share of source pixels still seen (counted when first asked for)."""
        return visibility(self.draw, *self.images.shape[2:])


def augment(
    policy: Policy, images: Tensor, labels: Tensor, *, num_classes: int, generator: torch.Generator
) -> Augmented:
    """Apply `policy` to a batch.

    Args:
        policy: what to draw from.
        images: [B, C, H, W] uint8, left unchanged.
        labels: [B] int64 in 0..num_classes-1.
        num_classes: number of classes, for the targets.
        generator: on the images' device; the same state gives the same result.

    Raises:
        UserError: images are not uint8 [B, C, H, W].
    """
    if images.dtype != torch.uint8 or images.dim() != 4:
        raise UserError(f"images must be uint8 [B, C, H, W], got {images.dtype} {list(images.shape)}")
    drawn = draw(policy, len(images), generator)
    out = apply(drawn, images)
    if policy.softening is None:
        targets = F.one_hot(labels, num_classes).float()
        return Augmented(out, targets, torch.ones(len(out), device=out.device), drawn)
    seen = visibility(drawn, *images.shape[2:])
    targets, weights = soften(policy.softening, seen, labels, num_classes)
    return Augmented(out, targets, weights, drawn)
