"""The augmented batches of an epoch of lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from policysearch.augmentation.lines import augment_lines
from policysearch.child.device_data import DeviceData
from policysearch.child.joined_batches import joined_batches
from policysearch.policy.policy import Policy

Fits = Callable[[str, int], bool]
"""(string, columns of its image) -> whether the network can read the one from the other."""


class LineBatch(NamedTuple):
    """Lines that are trained on together.

    Attributes:
        images: [B, C, H, W] uint8, W no wider than the widest of these lines.
        texts: what each says.
        widths: [B] int64, columns of each line.
    """

    images: Tensor
    texts: Sequence[str]
    widths: Tensor


def augmented_lines(
    policy: Policy,
    data: DeviceData,
    batches: Sequence[Tensor],
    *,
    step: int,
    steps: int,
    generator: torch.Generator,
    fits: Fits,
) -> Iterator[LineBatch]:
    """Augment the batches of an epoch.

    Several batches are augmented in one call, whose cost depends on the number of operations drawn more than on the
    number of images, unless the policy mixes lines, which then belong to one batch.

    Args:
        policy: what to draw from; its stage depends on (step of the batch) / steps.
        data: the images, with what they say.
        batches: indices [B] int64 into the images, one tensor per batch.
        step: the number of training steps before this epoch.
        steps: the number of training steps in all.
        generator: on the images' device.
        fits: whether a mixed line can be read.

    Yields:
        The batches in their order, the padding behind their widest line cut off.
    """
    values = data.images[:1].numel()
    for call in joined_batches(policy, batches, step=step, steps=steps, values=values, may_join=_may_join):
        rows = call.rows
        lines = augment_lines(
            call.policy, data.images[rows], texts_at(data, rows), widths_at(data, rows), generator, fits=fits
        )
        yield from _parts(LineBatch(*lines), call.sizes)


def _may_join(policy: Policy) -> bool:
    return policy.mix is None


def _parts(lines: LineBatch, sizes: Sequence[int]) -> Iterator[LineBatch]:
    """The batches of these sizes, each no wider than it needs to be."""
    start = 0
    for images, widths in zip(lines.images.split(list(sizes)), lines.widths.split(list(sizes)), strict=True):
        yield LineBatch(images[..., : int(widths.max())], lines.texts[start : start + len(images)], widths)
        start += len(images)


def texts_at(data: DeviceData, rows: Tensor) -> list[str]:
    """What the lines of these rows, [B] int64, say."""
    return [data.texts[row] for row in rows.tolist()]


def widths_at(data: DeviceData, rows: Tensor) -> Tensor:
    """[B] int64: the columns that hold the lines of these rows."""
    return torch.tensor([data.widths[row] for row in rows.tolist()], device=rows.device)
