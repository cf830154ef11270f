"""Operations along lines of text, in the form of those in `torchvision_operations`. A line takes its whole image."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors

from policysearch.augmentation.kernels.fiducials import (
    _line_distort,
    _line_perspective,
    _line_stretch,
    bend,
    bend_nearest,
)
from policysearch.augmentation.kernels.glyphs import _hide_character
from policysearch.augmentation.kernels.masks import _line_bands, _line_strokes
from policysearch.export.templates.torchvision_operations import _by_name, _canvas


def _bent(inpt: Any, places: Tensor) -> Any:
    """An image read at places [1, 2, H, W], bilinear; of a mask, the nearest pixels."""
    if isinstance(inpt, tv_tensors.BoundingBoxes):
        raise TypeError("boxes cannot follow the bends of a line of text: give images and masks alone")
    there = places.to(inpt.device)
    if isinstance(inpt, tv_tensors.Mask):
        flat = inpt.reshape(1, -1, *inpt.shape[-2:])
        return tv_tensors.wrap(bend_nearest(flat, there).view(inpt.shape), like=inpt)
    return bend(inpt[None], there)[0]


def line_distort(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return _bent(inpt, _line_distort(_canvas(inpt), magnitude[None], numbers[None]))


def line_stretch(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return _bent(inpt, _line_stretch(_canvas(inpt), magnitude[None], numbers[None]))


def line_perspective(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return _bent(inpt, _line_perspective(_canvas(inpt), magnitude[None], numbers[None]))


def line_bands(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _line_bands(_canvas(image), magnitude[None], numbers[None])


def line_strokes(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _line_strokes(_canvas(image), magnitude[None], numbers[None])


def hide_character(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """One character, a connected run of inked columns, blended with the background."""
    moved = (part[None].to(image.device) for part in (magnitude, numbers))
    return _hide_character(torch.as_tensor(image)[None], *moved)[0]


BENDING = _by_name(line_distort, line_stretch, line_perspective)
BARRING = _by_name(line_bands, line_strokes)
FADING = _by_name(hide_character)
