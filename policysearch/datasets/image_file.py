"""An image file, opened as a person expects: upright, of a kind that is safe to read, and not larger than it may be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

MOST_PIXELS = 89_478_485
"""Pixels that one image may have: where Pillow, too, begins to warn."""

SEVERAL_FRAMES = "has several frames"
"""Key of an image's `info`, true where the file has more frames or pages than the first, which is read."""

_LARGE = 2**24
"""Images of more pixels are decoded one at a time, so that they cannot fill the memory together."""
_ONE_LARGE_IMAGE = threading.Lock()

_FORMATS = (
    *("PNG", "JPEG", "MPO", "WEBP", "AVIF", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "TGA"),
    *("ICO", "PCX", "QOI", "SGI", "PSD"),  # what files of the endings above are at times
)
"""Pillow's names of what is read, whatever a file's ending: others start programs (EPS) or are no images."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by its orientation in EXIF."""


def read_image(source: Path | IO[bytes]) -> Image.Image:
    """The image in a file, decoded and upright.

    An image without an orientation, or whose orientation is 1, has the very pixels of the file. Of several frames or
    pages the first is read.

    Args:
        source: a path or an open binary file.

    Raises:
        Exception: whatever a damaged file makes Pillow raise, or ValueError for one that is too large.
    """
    try:
        opened = Image.open(source, formats=_formats())
    except Image.DecompressionBombError:
        raise ValueError(f"it has more than {MOST_PIXELS:,} pixels") from None

    with opened as image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise ValueError(f"it has {height:,}×{width:,} pixels; at most {MOST_PIXELS:,} are read")
        several = _has_several_frames(image)
        with _room_for(width * height):
            image.load()
            upright = _upright(_sixteen_bits(image))
    upright.info[SEVERAL_FRAMES] = several
    return upright


@cache
def _formats() -> tuple[str, ...]:
    """Those of the formats that the installed Pillow reads."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


@contextmanager
def _room_for(pixels: int) -> Iterator[None]:
    if pixels <= _LARGE:
        yield
        return
    with _ONE_LARGE_IMAGE:
        yield


def _has_several_frames(image: Image.Image) -> bool:
    if image.format == "MPO":  # a photograph with its preview or its depth
        return False
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # a damaged second frame; the first is what is read
        return False


def _sixteen_bits(image: Image.Image) -> Image.Image:
    """Grey PNG and PGM of 16 bits as "I;16": some versions of Pillow give 32 bits, whose range would be unknown."""
    if image.mode != "I" or image.format not in ("PNG", "PPM"):
        return image
    exif = image.getexif()
    grey = Image.fromarray(np.asarray(image).clip(0, 2**16 - 1).astype(np.uint16))
    grey.getexif().update(exif)
    return grey


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing; the pixels are there
        return image
    return image if turn is None else image.transpose(turn)
