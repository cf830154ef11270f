"""What of the listed images could be read, and the file that their pixels are gathered in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.readable import some
from policysearch.datasets.config import LARGEST, SMALLEST
from policysearch.datasets.conversions import Conversions
from policysearch.datasets.pixels import Pixels
from policysearch.datasets.segmentation.contents import WHITE
from policysearch.datasets.segmentation.mask_pixels import is_binary, settle
from policysearch.datasets.source import Item

MASKS = "masks.npy"
"""The file of masks, beside that of pixels."""


@dataclass(frozen=True)
class Decoded:
    """What could be read.

    Attributes:
        pixels: [N, C, H, W] uint8, C 1 where all images are grey, else 3.
        labels: [N] int64.
        indices: [N] int64, where each image is among the items.
        damaged: what could not be read and why, a text each.
        warnings: what a person should know of how values were converted, a sentence each.
        widths: [N] how many columns of each image, from the left, hold it; the rest is padding of lines.
        masks: [N, H, W] uint8, the class of each pixel, or 255 for none; None where there are no masks.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]
    damaged: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    masks: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class LabelledPixels:
    """An image that could be read, and its mask [H, W] uint8 where it has one."""

    pixels: Pixels
    label: int
    mask: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Unreadable:
    """An image that could not be read, and why."""

    reason: str


@dataclass(frozen=True)
class OtherSize:
    """An image whose sides are not allowed; its pixels, which may be many, are not kept."""

    height: int
    width: int


Outcome = LabelledPixels | Unreadable | OtherSize
"""What reading one image came to."""


class Rows:
    """The images as they come, written to a file in their order.

    Args:
        items: the images.
        scratch: the file, for as many images.

    Attributes:
        indices: of the items that could be read.
        conversions: what was found of their values.
    """

    def __init__(self, items: Sequence[Item], scratch: Path) -> None:
        self.indices: list[int] = []
        self.conversions = Conversions()
        self._items = items
        self._scratch = scratch
        self._array: NDArray[np.uint8] | None = None
        self._labels: list[int] = []
        self._widths: list[int] = []
        self._damaged: list[str] = []
        self._grey = True
        self._masks: NDArray[np.uint8] | None = None

    def add(self, i: int, outcome: Outcome) -> None:
        """Take the next image, or take note that it could not be read.

        Args:
            i: the item's index.
            outcome: what reading it came to.

        Raises:
            UserError: it is not of the size of the others, or of none that is allowed.
            OSError: the file does not fit on the disk.
        """
        item = self._items[i]
        if isinstance(outcome, Unreadable):
            self._damaged.append(f"{item.name} ({outcome.reason})")
            return
        if isinstance(outcome, OtherSize):
            raise self._of_other_size(item, outcome.height, outcome.width)

        image = outcome.pixels
        if self._array is None:
            self._array = pixel_file(self._scratch, (len(self._items), *image.values.shape))
        if image.values.shape != self._array.shape[1:]:
            raise self._of_other_size(item, *image.values.shape[1:])

        row = len(self.indices)
        self._array[row] = image.values
        self._grey &= image.grey
        self.conversions.add(row, image)
        self.indices.append(i)
        self._labels.append(outcome.label)
        self._widths.append(image.width)
        if outcome.mask is not None:
            self._add_mask(row, outcome.mask)

    def _add_mask(self, row: int, mask: NDArray[np.uint8]) -> None:
        if self._masks is None:
            self._masks = pixel_file(self._scratch.with_name(MASKS), (len(self._items), *mask.shape))
        self._masks[row] = mask

    def replace(self, rows: Iterable[int], outcomes: Iterable[Outcome]) -> None:
        """Put images that were read again in their rows.

        Args:
            rows: where they are.
            outcomes: what reading them again came to.

        Raises:
            UserError: an image cannot be read any more.
        """
        assert self._array is not None
        for row, outcome in zip(rows, outcomes, strict=True):
            if not isinstance(outcome, LabelledPixels):
                raise UserError(f"{self._items[self.indices[row]].name} changed while it was read")
            self._array[row] = outcome.pixels.values
            self.conversions.brighten(outcome.pixels)

    def refuse_damaged(self, skip: bool) -> None:
        """Stop where images could not be read.

        Args:
            skip: whether they are left out instead, if there are others.

        Raises:
            UserError: there are such images; the first are named.
        """
        if self._damaged and (self._array is None or not skip):
            raise UserError(
                f"{len(self._damaged)} of {len(self._items)} images cannot be read: {some(self._damaged)}: "
                "repair or remove them, or leave them out by --skip-damaged"
            )

    def decoded(self, background: str) -> Decoded:
        """All that was read.

        Args:
            background: what transparent places were put on.
        """
        assert self._array is not None
        masks = None if self._masks is None else self._masks[: len(self.indices)]
        binary = masks is not None and is_binary(masks)
        if masks is not None:
            settle(masks, binary)
        return Decoded(
            self._array[: len(self.indices), : 1 if self._grey else 3],
            np.array(self._labels, np.int64),
            np.array(self.indices, np.int64),
            tuple(self._damaged),
            (*self.conversions.warnings(background), *([WHITE] if binary else [])),
            tuple(self._widths),
            masks,
        )

    def _of_other_size(self, item: Item, height: int, width: int) -> UserError:
        if self._array is None or not is_allowed(height, width):
            return UserError(
                f"{item.name} has {height}×{width} pixels; sides must be {SMALLEST} to {LARGEST}: give --resize 32"
            )
        first, shape = self._items[self.indices[0]], self._array.shape[2:]
        return UserError(
            f"images must be of one size, but {first.name} has {shape[0]}×{shape[1]} pixels and {item.name} "
            f"{height}×{width}: give --resize 32 (or 32x48), and --aspect crop, pad or stretch"
        )


def is_allowed(height: int, width: int) -> bool:
    """Whether an image may have these sides, in pixels."""
    return SMALLEST <= min(height, width) <= max(height, width) <= LARGEST


def pixel_file(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    """A new memory-mapped file for pixels, its place on the disk taken: on a full one, a write would kill the process.

    Args:
        path: the file, replaced if it is there.
        shape: of the array of uint8.

    Raises:
        OSError: there is no room.
    """
    pixels = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return pixels
