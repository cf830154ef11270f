"""What an image says of itself before it is decoded."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import IO

from PIL import Image, UnidentifiedImageError

from policysearch.core.errors import UserError

_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg", "WEBP": ".webp", "BMP": ".bmp", "DIB": ".bmp"}
_READ = ("PNG", "JPEG", "WEBP", "BMP")


def checked_suffix(source: Path | IO[bytes], pixels: int, name: str) -> tuple[str, tuple[int, int]]:
    """The ending that a file of this image has, and its height and width.

    Args:
        source: a path, or an open binary file.
        pixels: the most that are taken.
        name: of the image, for messages.

    Raises:
        UserError: it is of another kind, damaged at its beginning, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is looked at below
            with Image.open(source, formats=_READ) as image:
                (width, height), kind = image.size, image.format
    except Image.DecompressionBombError:
        raise UserError(f"{name} has more than {pixels:,} pixels, which is the most") from None
    except UnidentifiedImageError:
        raise UserError(f"{name} is damaged, or no image that is taken: PNG, JPEG, WEBP or BMP") from None
    except Exception as error:  # a damaged header fails anywhere in Pillow
        raise UserError(f"{name} cannot be read: {' '.join(str(error).split())[:100]}") from None
    if width * height > pixels:
        raise UserError(f"{name} has {height:,}×{width:,} pixels, and {pixels:,} is the most")
    return _SUFFIXES[str(kind)], (height, width)
