"""Operations as transforms of albumentations, and which of them are not the same.

Nodes are transforms as `A.to_dict` has them, with the names of albumentations 2.0 (`albumentations_dialects`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from policysearch.export.albumentations_dialects import Dialect, Node

NEAREST: Mapping[str, int] = MappingProxyType({"interpolation": 0, "border_mode": 0, "fill": 0})
"""What geometric transforms need so that pixels are those that were searched with: nearest neighbours, black edges."""

STILL: Mapping[str, list[float]] = MappingProxyType(
    {"brightness": [1, 1], "contrast": [1, 1], "saturation": [1, 1], "hue": [0, 0]}
)
_CENTRE = "albumentations shears about the image's centre, not its corner"
_DIFFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "shear-x": _CENTRE,
        "shear-y": _CENTRE,
        "autocontrast": "albumentations has another autocontrast: about half of the values differ",
        "equalize": "albumentations has another equalize: most values differ",
    }
)

_OTHER_GRID = "its GridDistortion and ThinPlateSpline move other points by another map"
OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "line-distort": _OTHER_GRID,
        "line-stretch": _OTHER_GRID,
        "line-perspective": "its Perspective keeps straight lines straight",
        "line-bands": "its XYMasking draws how wide bands are and where otherwise",
        "line-strokes": "its XYMasking draws how high strokes are and where otherwise",
        "hide-character": "its masks do not know where characters are",
    }
)
"""By operation: the transforms that are nearest to one that albumentations does not have, and how they differ."""

WHOLE = ("posterize", "translate-x-pixels", "translate-y-pixels")
"""Operations whose magnitudes are whole numbers in albumentations, each of an interval drawn alike."""


def difference(operation: str, dialect: Dialect) -> str | None:
    """In what a library's nearest transform is another operation; None where pixels are the same."""
    if operation == "equalize" and dialect.equalizes_as_pillow:
        return None
    return _DIFFERENCES.get(operation)


def node_of(kind: str, p: float = 1.0, /, **arguments: Any) -> Node:
    """A node of a transform."""
    return {"__class_fullname__": kind, "p": p, **arguments}


def _write_affine(argument: str, axis: str, low: float, high: float) -> Node:
    other = "y" if axis == "x" else "x"
    return node_of("Affine", **{argument: {axis: [low, high], other: [0, 0]}}, **NEAREST)


def _write_shear(axis: str, low: float, high: float) -> Node:
    return _write_affine("shear", axis, *(math.degrees(math.atan(tangent)) for tangent in (low, high)))


def _write_jitter(name: str, low: float, high: float) -> Node:
    return node_of("ColorJitter", **{**STILL, name: [low, high]})


def _write_posterize(low: float, high: float) -> Node:
    return node_of("Posterize", num_bits=[round(low), round(high)]) if round(high) < 8 else node_of("NoOp")


def _write_solarize(low: float, high: float) -> Node:
    return node_of("NoOp") if low > 255 else node_of("Solarize", threshold_range=[low / 255, min(1.0, high / 255)])


def _write_blur(low: float, high: float) -> Node:
    if not high:
        return node_of("NoOp")
    side = blur_side(high) if low == high else 0
    return node_of("GaussianBlur", sigma_limit=[low, high], blur_limit=[side, side])


def blur_side(sigma: float) -> int:
    """The side of a kernel, in pixels, that holds three standard deviations on each side."""
    return 2 * math.ceil(3 * sigma) + 1


WRITERS: Mapping[str, Callable[[float, float], Node]] = MappingProxyType(
    {
        "identity": lambda low, high: node_of("NoOp"),
        "rotate": lambda low, high: node_of("Rotate", limit=[low, high], **NEAREST),
        "shear-x": lambda low, high: _write_shear("x", low, high),
        "shear-y": lambda low, high: _write_shear("y", low, high),
        "translate-x": lambda low, high: _write_affine("translate_percent", "x", low, high),
        "translate-y": lambda low, high: _write_affine("translate_percent", "y", low, high),
        "translate-x-pixels": lambda low, high: _write_affine("translate_px", "x", int(low), int(high)),
        "translate-y-pixels": lambda low, high: _write_affine("translate_px", "y", int(low), int(high)),
        "brightness": lambda low, high: _write_jitter("brightness", 1 + low, 1 + high),
        "contrast": lambda low, high: _write_jitter("contrast", 1 + low, 1 + high),
        "color": lambda low, high: _write_jitter("saturation", 1 + low, 1 + high),
        "hue": lambda low, high: _write_jitter("hue", low, high),
        "posterize": _write_posterize,
        "solarize": _write_solarize,
        "autocontrast": lambda low, high: node_of("AutoContrast", method="pil"),
        "equalize": lambda low, high: node_of("Equalize", mode="pil"),
        "invert": lambda low, high: node_of("InvertImg"),
        "grayscale": lambda low, high: node_of("ToGray"),
        "flip-horizontal": lambda low, high: node_of("HorizontalFlip"),
        "flip-vertical": lambda low, high: node_of("VerticalFlip"),
        "gaussian-blur": _write_blur,
    }
)
"""By operation: the transform that draws a magnitude evenly from [low, high], sign included, and applies it always."""
