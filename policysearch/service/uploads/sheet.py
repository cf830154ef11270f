"""A picture of samples: a few images of every class, a row each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from policysearch.core.files import replacing
from policysearch.datasets.dataset import Dataset

_SIDE, _GAP = 64, 4
_COLUMNS, _ROWS = 8, 24
_LABEL = 120
_LETTERS = 18
_PAPER, _INK = (255, 255, 255), (40, 40, 40)


def write_sheet(dataset: Dataset, target: Path) -> None:
    """Write a PNG of the first training images of up to 24 classes.

    Args:
        dataset: any.
        target: the file, replaced if it is there.
    """
    rows = min(len(dataset.classes), _ROWS)
    size = (_LABEL + _COLUMNS * (_SIDE + _GAP), rows * (_SIDE + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for row in range(rows):
        top = _GAP + row * (_SIDE + _GAP)
        draw.text((_GAP, top + _SIDE // 2 - 6), _label(dataset.classes[row]), fill=_INK)
        for column, index in enumerate(np.flatnonzero(dataset.y_train == row)[:_COLUMNS]):
            sheet.paste(_thumbnail(dataset.x_train[index]), (_LABEL + column * (_SIDE + _GAP), top))
    with replacing(target) as partial:
        sheet.save(partial, "PNG")


def _label(name: str) -> str:
    """A class's name, as far as there is room, in the letters that Pillow's own font has."""
    short = name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "…"
    return short.encode("latin-1", "replace").decode("latin-1")


def _thumbnail(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Image.Image:
    """An image [C, H, W] of one or three channels in its place's size, its aspect kept."""
    values = np.broadcast_to(pixels, (3, *pixels.shape[1:])).transpose(1, 2, 0)
    image = Image.fromarray(np.ascontiguousarray(values))
    scale = _SIDE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)
