"""From the image of a mask to the class of every pixel, moved as its image is when that is brought to one size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from policysearch.core.errors import UserError
from policysearch.core.masks import IGNORE
from policysearch.datasets.config import DataSettings

MOST_CLASSES = 254
PADDED = MOST_CLASSES
"""What padding is until all masks are read: only then is it known what 255 means in them."""
_CHUNK = 256  # masks

_RESIZED: Mapping[str, Callable[[Image.Image, tuple[int, int]], Image.Image]] = {
    "crop": partial(ImageOps.fit, method=Image.Resampling.NEAREST),
    "pad": partial(ImageOps.pad, method=Image.Resampling.NEAREST, color=PADDED),
    "stretch": partial(Image.Image.resize, resample=Image.Resampling.NEAREST),
}


def mask_pixels(mask: Image.Image, sides: tuple[int, int], settings: DataSettings) -> NDArray[np.uint8]:
    """The class of every pixel, [H, W] uint8; `PADDED` where the image is padded.

    Args:
        mask: upright, of one channel: numbers of classes, or places in a palette.
        sides: width and height of its image, before that is resized.
        settings: the size of all images, and the treatment of other aspect ratios.

    Raises:
        UserError: it has colours, another size than its image, or numbers that are none of a class.
    """
    values = _one_channel(mask)
    if values.shape != sides[::-1]:
        raise UserError(f"its mask has {values.shape[0]}×{values.shape[1]} pixels, and it {sides[1]}×{sides[0]}")
    outside = values[((values < 0) | (values >= MOST_CLASSES)) & (values != IGNORE)]
    if outside.size:
        raise UserError(
            f"its mask has the number {outside[0]}; classes are 0 to {MOST_CLASSES - 1}, and {IGNORE} is none"
        )
    numbers = values.astype(np.uint8)
    if settings.size is None:
        return numbers
    height, width = settings.size
    return np.asarray(_RESIZED[settings.aspect](Image.fromarray(numbers), (width, height)))


def _one_channel(mask: Image.Image) -> NDArray[np.int64]:
    """[H, W] numbers."""
    values = np.asarray(mask)
    if mask.mode == "F":
        raise UserError("its mask has fractions; a mask has a whole number for each pixel")
    if values.ndim == 2:
        return values.astype(np.int64)
    if mask.mode in ("LA", "PA"):
        return values[..., 0].astype(np.int64)
    if (values[..., :3] != values[..., :1]).any():
        raise UserError("its mask has colours; a mask has one channel of class numbers from 0, or a palette")
    return values[..., 0].astype(np.int64)


def must_have_aspect(settings: DataSettings) -> None:
    """Check that masks can be treated as their images are.

    Raises:
        UserError: the treatment is that of lines of text.
    """
    if settings.aspect not in _RESIZED:
        raise UserError(f"--aspect {settings.aspect} is for lines of text: give {', '.join(_RESIZED)}")


def is_binary(masks: NDArray[np.uint8]) -> bool:
    """Whether masks [N, H, W] are all black and white, 0 and 255, so that 255 is a class."""
    white = False
    for start in range(0, len(masks), _CHUNK):
        chunk = masks[start : start + _CHUNK]
        if ((chunk > 0) & (chunk < PADDED)).any():
            return False
        white |= bool((chunk == IGNORE).any())
    return white


def settle(masks: NDArray[np.uint8], binary: bool) -> None:
    """Give masks [N, H, W] their last values in place: white is class 1 where `binary`, padding has no class."""
    for start in range(0, len(masks), _CHUNK):
        chunk = masks[start : start + _CHUNK]
        if binary:
            chunk[chunk == IGNORE] = 1
        chunk[chunk == PADDED] = IGNORE
