"""A network that gives the class of every pixel, judged on images with masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from policysearch.child.judgement import Judgement
from policysearch.child.segmentation.overlap import Overlap, pixel_losses

PixelLogits = Callable[[Tensor], Tensor]
"""[B, C, H, W] float32, normalised -> [B, classes, H, W] float32."""


@torch.no_grad()
def judged_masks(answers: PixelLogits, inputs: Iterable[tuple[Tensor, Tensor]]) -> Judgement:
    """Judge a network on images with masks.

    Args:
        answers: the network.
        inputs: normalised images [B, C, H, W] and their masks [B, H, W] uint8, a part of the images at a time.

    Returns:
        The scores of `Overlap.scores`, and loss, the mean cross-entropy of the pixels that count, nats; as class counts
        [intersection, union] of each class, in pixels.
    """
    overlap: Overlap | None = None
    loss, pixels = 0.0, 0
    for images, masks in inputs:
        logits = answers(images)
        total, count = pixel_losses(logits, masks)
        loss, pixels = loss + float(total), pixels + int(count)
        counts = Overlap.of(logits.argmax(1), masks, logits.shape[1])
        overlap = counts if overlap is None else overlap + counts
    assert overlap is not None
    return Judgement({**overlap.scores(), "loss": loss / max(1, pixels)}, class_counts=overlap.pixels())
