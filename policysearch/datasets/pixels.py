"""From one decoded image to pixels: 8 bits, no transparency, the size asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from policysearch.datasets.config import DataSettings
from policysearch.datasets.image_file import SEVERAL_FRAMES

_GREY = ("1", "L", "LA")
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


def _as_line(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The line brought to its height, squeezed where it is too wide; on the right its last column goes on."""
    width = line_width(image.size, size)
    line = image.resize((width, size[1]), resample=Image.Resampling.BILINEAR)
    padded = np.pad(np.asarray(line), ((0, 0), (0, size[0] - width), (0, 0)), mode="edge")
    return Image.fromarray(padded)


def line_width(sides: tuple[int, int], size: tuple[int, int]) -> int:
    """The columns that a line takes once it is brought to a height.

    Args:
        sides: width and height of the image, in pixels.
        size: width and height that it is brought to.

    Example:
        >>> line_width((200, 50), (128, 32)), line_width((900, 50), (128, 32))
        (128, 128)
        >>> line_width((100, 50), (128, 32))
        64
    """
    return min(size[0], max(1, round(sides[0] * size[1] / sides[1])))


_RESIZED: Mapping[str, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    "crop": partial(ImageOps.fit, method=Image.Resampling.BILINEAR),
    "pad": partial(ImageOps.pad, method=Image.Resampling.BILINEAR),
    "stretch": partial(Image.Image.resize, resample=Image.Resampling.BILINEAR),
    "line": _as_line,
}


@dataclass(frozen=True)
class Pixels:
    """One image.

    Attributes:
        values: [3, H, W] uint8.
        grey: whether the image has no colours.
        brightest: its largest value.
        peak: the largest value in the file, where that has 16 bits; else None.
        transparent: whether a part of it was transparent.
        several_frames: whether the file has more frames or pages than this one.
        width: how many columns, from the left, hold the image; less than all where it is a line that was padded.
    """

    values: NDArray[np.uint8]
    grey: bool
    brightest: int
    peak: int | None
    transparent: bool
    several_frames: bool
    width: int


def to_pixels(image: Image.Image, settings: DataSettings, bits: int) -> Pixels:
    """The pixels of an image.

    Args:
        image: upright, of any mode but those of unknown range.
        settings: its size, the treatment of other aspect ratios, and what is behind transparent places.
        bits: how many of an image of 16 bits are used; the upper eight of them are kept.

    Raises:
        ValueError: the range of its values is unknown.
    """
    grey = image.mode in _GREY or image.mode.startswith("I;16")
    several_frames = bool(image.info.get(SEVERAL_FRAMES))
    peak = None
    if image.mode.startswith("I;16"):
        deep = np.asarray(image)
        peak = int(deep.max(initial=0))
        image = Image.fromarray((deep >> (bits - 8)).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode!r}, whose range is unknown")

    image, transparent = _on_background(image, settings.background)
    columns = image.width
    if settings.size is not None:
        height, width = settings.size
        columns = line_width(image.size, (width, height)) if settings.aspect == "line" else width
        image = _RESIZED[settings.aspect](image, (width, height))
    values = np.asarray(image).transpose(2, 0, 1)
    return Pixels(values, grey, int(values.max(initial=0)), peak, transparent, several_frames, columns)


def _on_background(image: Image.Image, background: str) -> tuple[Image.Image, bool]:
    """The image as RGB, and whether it was transparent anywhere; one that is not has the very pixels of the file."""
    if image.mode not in _WITH_ALPHA and "transparency" not in image.info:
        return (image if image.mode == "RGB" else image.convert("RGB")), False  # no copy of a large image
    with_alpha = image.convert("RGBA")
    least, _ = with_alpha.getchannel("A").getextrema()
    if least == 255:
        return image.convert("RGB"), False
    behind = Image.new("RGBA", image.size, background)
    behind.alpha_composite(with_alpha)
    return behind.convert("RGB"), True
