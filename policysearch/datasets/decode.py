"""From listed images to pixels of one size."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from policysearch.core.errors import UserError
from policysearch.datasets.config import LARGEST, SMALLEST, DataSettings
from policysearch.datasets.source import Item

Tell = Callable[[int, int], object]
"""Told how many images of how many are decoded."""

_AT_ONCE = 512
_GREY = ("1", "L", "LA", "I;16")
_RESIZED = {
    "crop": partial(ImageOps.fit, method=Image.Resampling.BILINEAR),
    "pad": partial(ImageOps.pad, method=Image.Resampling.BILINEAR),
    "stretch": partial(Image.Image.resize, resample=Image.Resampling.BILINEAR),
}


@dataclass(frozen=True)
class Decoded:
    """What could be read.

    Attributes:
        pixels: [N, C, H, W] uint8, C 1 where all images are grey, else 3.
        labels: [N] int64.
        kept: indices [N] into the items.
        damaged: what could not be read and why, a text each.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    kept: NDArray[np.int64]
    damaged: tuple[str, ...]


@dataclass(frozen=True)
class _Read:
    pixels: NDArray[np.uint8]
    label: int
    grey: bool


def decode(items: Sequence[Item], settings: DataSettings, scratch: Path, tell: Tell) -> Decoded:
    """Read all images, on all cores, into a memory-mapped file.

    Args:
        items: the images.
        settings: their size, and whether damaged ones are left out.
        scratch: the file the pixels are kept in, as [N, 3, H, W].
        tell: called now and then.

    Raises:
        UserError: images are damaged or not of one size, or a side is not 8 to 512 pixels; they are named.
        OSError: the file does not fit on the disk.
    """
    with warnings.catch_warnings():  # not in the threads: filters are the whole process's
        warnings.simplefilter("ignore")  # Pillow warns of odd files that it can read
        return _decoded(items, settings, scratch, tell)


def _decoded(items: Sequence[Item], settings: DataSettings, scratch: Path, tell: Tell) -> Decoded:
    kept: list[int] = []
    labels: list[int] = []
    damaged: list[str] = []
    grey = True
    pixels: NDArray[np.uint8] | None = None
    for i, found in enumerate(_all_read(items, settings, tell)):
        if isinstance(found, str):
            damaged.append(f"{items[i].name} ({found})")
            continue
        if pixels is None:
            shape = found.pixels.shape
            _check_size(items[i], shape[1], shape[2])
            pixels = pixel_file(scratch, (len(items), *shape))
        if found.pixels.shape != pixels.shape[1:]:
            raise _sizes_differ(items[kept[0]], pixels.shape[1:], items[i], found.pixels.shape)
        pixels[len(kept)] = found.pixels
        grey &= found.grey
        kept.append(i)
        labels.append(found.label)
    if damaged and (pixels is None or not settings.skip_damaged):
        raise UserError(
            f"{len(damaged)} of {len(items)} images cannot be read: {some(damaged)}: "
            "repair or remove them, or leave them out by --skip-damaged"
        )
    assert pixels is not None
    pixels = pixels[: len(kept), : 1 if grey else 3]
    return Decoded(pixels, np.array(labels, np.int64), np.array(kept, np.int64), tuple(damaged))


def _all_read(items: Sequence[Item], settings: DataSettings, tell: Tell) -> Iterator[_Read | str]:
    read = partial(_read, size=settings.size, aspect=settings.aspect)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(items), _AT_ONCE):
            yield from pool.map(read, items[start : start + _AT_ONCE])
            tell(min(start + _AT_ONCE, len(items)), len(items))


def _read(item: Item, size: tuple[int, int] | None, aspect: str) -> _Read | str:
    try:
        image, label = item.read()
        np.int64(label)  # raises where it is larger
        grey = image.mode in _GREY
        image = _rgb(image)
        if size is not None:
            image = _RESIZED[aspect](image, (size[1], size[0]))
    except Exception as error:  # a damaged file fails anywhere in its decoder
        return " ".join(f"{type(error).__name__}: {error}".split())[:100]
    return _Read(np.asarray(image).transpose(2, 0, 1), label, grey)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode!r}, whose range is unknown")
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def _check_size(item: Item, height: int, width: int) -> None:
    if not SMALLEST <= min(height, width) <= max(height, width) <= LARGEST:
        raise UserError(
            f"{item.name} has {height}×{width} pixels; sides must be {SMALLEST} to {LARGEST}: give --resize 32"
        )


def _sizes_differ(one: Item, shape: tuple[int, ...], other: Item, another: tuple[int, ...]) -> UserError:
    return UserError(
        f"images must be of one size, but {one.name} has {shape[1]}×{shape[2]} pixels and {other.name} "
        f"{another[1]}×{another[2]}: give --resize 32 (or 32x48), and --aspect crop, pad or stretch"
    )


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


def some(texts: Sequence[str]) -> str:
    """The first five, and how many more there are."""
    return ", ".join(texts[:5]) + (f" and {len(texts) - 5} more" if len(texts) > 5 else "")
