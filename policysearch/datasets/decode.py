"""From listed images to pixels of one size."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.readable import some
from policysearch.datasets.config import LARGEST, SMALLEST, DataSettings
from policysearch.datasets.pixels import Pixels, to_pixels
from policysearch.datasets.source import Item

Tell = Callable[[int, int], object]
"""Called with how many images of how many are decoded."""

_AT_ONCE = 512
_BITS = 16
"""Of a grey image in a file of 16 bits; the upper eight are kept."""
_DARK = 64
"""Data whose brightest pixel is below this are nearly black, and most likely not meant so."""


@dataclass(frozen=True)
class Decoded:
    """What could be read.

    Attributes:
        pixels: [N, C, H, W] uint8, C 1 where all images are grey, else 3.
        labels: [N] int64.
        kept: indices [N] into the items.
        damaged: what could not be read and why, a text each.
        warnings: what a person should know of how values were converted, a sentence each.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    kept: NDArray[np.int64]
    damaged: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Read:
    pixels: Pixels
    label: int


@dataclass(frozen=True)
class _Unreadable:
    reason: str


@dataclass(frozen=True)
class _OtherSize:
    """An image whose sides are not allowed; its pixels are not kept, which may be many."""

    height: int
    width: int


_Outcome = _Read | _Unreadable | _OtherSize


def decode(items: Sequence[Item], settings: DataSettings, scratch: Path, tell: Tell) -> Decoded:
    """Read all images, on all cores, into a memory-mapped file.

    Grey images of 16 bits become 8 bits by the range that they use: where none of them has a value above 4,095, say,
    they are of 12 bits and their upper 8 of these are kept.

    Args:
        items: the images.
        settings: their size and background, and whether damaged ones are left out.
        scratch: the file the pixels are kept in, as [N, 3, H, W].
        tell: called now and then.

    Raises:
        UserError: there are no images, or some are damaged, not of one size or not of 8 to 512 pixels a side; these are
            named.
        OSError: the file does not fit on the disk.
    """
    with warnings.catch_warnings():  # not in the threads: filters are the whole process's
        warnings.simplefilter("ignore")  # Pillow warns of odd files that it can read
        return _decoded(items, settings, scratch, tell)


def _decoded(items: Sequence[Item], settings: DataSettings, scratch: Path, tell: Tell) -> Decoded:
    if not items:
        raise UserError("there are no images")

    rows = _Rows(items, scratch)
    with closing(_all_read(items, settings, tell)) as outcomes:
        for i, outcome in enumerate(outcomes):
            rows.add(i, outcome)

    rows.refuse_damaged(settings.skip_damaged)
    bits = rows.bits_used()
    if bits < _BITS:
        deep = [rows.kept[row] for row in rows.peaks]
        again = _all_read([items[i] for i in deep], settings, lambda done, total: None, bits)
        rows.replace_deep(again)
    return rows.decoded(bits, settings.background)


class _Rows:
    """The images as they come, written to the scratch file in their order."""

    def __init__(self, items: Sequence[Item], scratch: Path) -> None:
        self._items = items
        self._scratch = scratch
        self._array: NDArray[np.uint8] | None = None
        self._labels: list[int] = []
        self._damaged: list[str] = []
        self._grey = True
        self._brightest = 0
        self._transparent = 0
        self.kept: list[int] = []
        self.peaks: dict[int, int] = {}
        """The largest value of each image of 16 bits, by its row."""

    def add(self, i: int, outcome: _Outcome) -> None:
        item = self._items[i]
        if isinstance(outcome, _Unreadable):
            self._damaged.append(f"{item.name} ({outcome.reason})")
            return
        if isinstance(outcome, _OtherSize):
            raise self._of_other_size(item, outcome.height, outcome.width)

        image = outcome.pixels
        height, width = image.values.shape[1:]
        if self._array is None:
            self._array = pixel_file(self._scratch, (len(self._items), *image.values.shape))
        elif image.values.shape != self._array.shape[1:]:
            raise self._of_other_size(item, height, width)

        row = len(self.kept)
        self._array[row] = image.values
        self._grey &= image.grey
        self._brightest = max(self._brightest, image.brightest)
        self._transparent += image.transparent
        if image.peak is not None:
            self.peaks[row] = image.peak
        self.kept.append(i)
        self._labels.append(outcome.label)

    def refuse_damaged(self, skip: bool) -> None:
        if self._damaged and (self._array is None or not skip):
            raise UserError(
                f"{len(self._damaged)} of {len(self._items)} images cannot be read: {some(self._damaged)}: "
                "repair or remove them, or leave them out by --skip-damaged"
            )

    def bits_used(self) -> int:
        """How many bits the values of the images of 16 bits have, 8 to 16; 16 where there are no such images."""
        return max(8, max(self.peaks.values()).bit_length()) if self.peaks else _BITS

    def replace_deep(self, again: Iterator[_Outcome]) -> None:
        """Put what is read again, with the bits that are used, in the rows of the images of 16 bits."""
        assert self._array is not None
        self._brightest = 255  # by the choice of the bits
        for row, outcome in zip(self.peaks, again, strict=True):
            if not isinstance(outcome, _Read):
                raise UserError(f"{self._items[self.kept[row]].name} changed while it was read")
            self._array[row] = outcome.pixels.values

    def decoded(self, bits: int, background: str) -> Decoded:
        assert self._array is not None
        pixels = self._array[: len(self.kept), : 1 if self._grey else 3]
        return Decoded(
            pixels,
            np.array(self._labels, np.int64),
            np.array(self.kept, np.int64),
            tuple(self._damaged),
            tuple(self._warnings(bits, background)),
        )

    def _warnings(self, bits: int, background: str) -> Iterator[str]:
        if self.peaks and bits < _BITS:
            highest = max(self.peaks.values())
            yield (
                f"{len(self.peaks)} images are in files of 16 bits but have values up to {highest:,} only: "
                f"they are read as images of {bits} bits"
            )
        typical = int(np.median(list(self.peaks.values()))) if self.peaks else 0
        if self.peaks and bits - typical.bit_length() >= 3:
            yield (
                f"most images of 16 bits have values up to {typical:,} only, one up to {max(self.peaks.values()):,}: "
                f"as images of {bits} bits most are nearly black; scale them to 8 bits yourself"
            )
        if self._brightest < _DARK:
            yield (
                f"no pixel is brighter than {self._brightest} of 255: the images are nearly black; "
                "if their values have another range, scale them to 0 to 255"
            )
        if self._transparent:
            yield (
                f"{self._transparent} images are transparent in places: they are put on a {background} background "
                "(--background)"
            )

    def _of_other_size(self, item: Item, height: int, width: int) -> UserError:
        if self._array is None or not _is_allowed(height, width):
            return UserError(
                f"{item.name} has {height}×{width} pixels; sides must be {SMALLEST} to {LARGEST}: give --resize 32"
            )
        first, shape = self._items[self.kept[0]], self._array.shape[2:]
        return UserError(
            f"images must be of one size, but {first.name} has {shape[0]}×{shape[1]} pixels and {item.name} "
            f"{height}×{width}: give --resize 32 (or 32x48), and --aspect crop, pad or stretch"
        )


def _all_read(
    items: Sequence[Item], settings: DataSettings, tell: Tell, bits: int = _BITS
) -> Generator[_Outcome, None, None]:
    read = partial(_read, settings=settings, bits=bits)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for start in range(0, len(items), _AT_ONCE):
            yield from pool.map(read, items[start : start + _AT_ONCE])
            tell(min(start + _AT_ONCE, len(items)), len(items))
    finally:
        pool.shutdown(cancel_futures=True)


def _read(item: Item, settings: DataSettings, bits: int) -> _Outcome:
    try:
        image, label = item.read()
        np.int64(label)  # raises where it is larger
        if settings.size is None and not _is_allowed(image.height, image.width):
            return _OtherSize(image.height, image.width)
        return _Read(to_pixels(image, settings, bits), label)
    except Exception as error:  # a damaged file fails anywhere in its decoder
        return _Unreadable(" ".join(f"{type(error).__name__}: {error}".split())[:100])


def _is_allowed(height: int, width: int) -> bool:
    return SMALLEST <= min(height, width) <= max(height, width) <= LARGEST


def pixel_file(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, np.dtype[np.uint8]]:
    """A new memory-mapped file for pixels, its place on the disk taken: on a full one, a write would kill the process.

    Raises:
        OSError: there is no room.
    """
    pixels = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return pixels
