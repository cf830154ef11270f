"""Characters of a line of text, found without boxes: connected runs of columns that hold ink.

The background is each channel's median grey value, ink what differs from it by more than 0.4 of the largest difference
in the image (at least 16 grey values): dark text on light paper or the reverse. Letters that touch are one run.
"""

from __future__ import annotations

import torch
from torch import Tensor

from policysearch.augmentation.kernels.fiducials import on_line

_INK = 0.4
_FAINTEST = 16
_WIDE = 0.75
"""Heights of the line: a wider run holds several letters."""
_LETTER = 0.5
"""Heights of the line: how wide each of those is taken to be."""


def background(images: Tensor) -> Tensor:
    """[b, C, 1, 1] uint8 of images [b, C, H, W]: the median of each channel."""
    return images.flatten(2).median(2).values[:, :, None, None]


def ink_columns(images: Tensor, widths: Tensor | None) -> Tensor:
    """[b, W] bool of images [b, C, H, W] uint8: whether a column of the line holds ink."""
    if not len(images):
        return torch.zeros(0, images.shape[3], dtype=torch.bool, device=images.device)
    differences = (images.int() - background(images).int()).abs_().amax((1, 2))
    most = differences.amax(1, keepdim=True)
    return (differences > _INK * most) & (most >= _FAINTEST) & on_line(images, widths)


def characters(ink: Tensor, height: int) -> Tensor:
    """[b, W] int64 of ink [b, W] bool: which character from the left, from 1 on, a column belongs to; 0: none.

    A connected run of inked columns is one character; one that is wider than 0.75 heights of the line is divided evenly
    into parts about half a height wide.
    """
    columns = torch.arange(ink.shape[1], device=ink.device).expand_as(ink)
    begins = ink & ~_shifted(ink)
    first = torch.where(begins, columns, 0).cummax(1).values
    ends = ink & ~_shifted(ink.flip(1)).flip(1)
    behind = torch.where(ends, columns, ink.shape[1]).flip(1).cummin(1).values.flip(1)
    length = behind - first + 1
    parts = torch.where(length > _WIDE * height, (length / (_LETTER * height)).round().clamp(min=1), 1.0)
    part = ((columns - first) * parts / length).floor()
    starts = begins | (ink & (part != torch.roll(part, 1, 1)))
    return torch.where(ink, starts.cumsum(1), 0)


def _shifted(ink: Tensor) -> Tensor:
    """The columns moved by one to the right; the first is False."""
    return torch.cat([torch.zeros_like(ink[:, :1]), ink[:, :-1]], 1)


def _hide_character(images: Tensor, magnitude: Tensor, numbers: Tensor, widths: Tensor | None = None) -> Tensor:
    """Blend one character, any of them alike, with the background by `magnitude`: 1 hides it whole.

    The string stays: what is hidden can be told from its context. Images without ink stay as they are.
    """
    which = characters(ink_columns(images, widths), images.shape[2])
    count = which.amax(1) if images.shape[3] else which.sum(1)
    chosen = torch.minimum((numbers[:, 0] * count).floor() + 1, count.float())
    hidden = ((which == chosen[:, None]) & (count > 0)[:, None])[:, None, None]
    share = magnitude[:, None, None, None]
    faded = torch.lerp(images.float(), background(images).float(), share) if len(images) else images.float()
    return torch.where(hidden, faded.round_().to(torch.uint8), images)


GLYPHS = {"hide-character": _hide_character}
