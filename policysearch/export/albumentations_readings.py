"""What the transforms of a saved albumentations pipeline are here: operations and their magnitudes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from policysearch.core.errors import UserError
from policysearch.export.albumentations_dialects import Dialect, Node
from policysearch.export.albumentations_table import blur_side

Span = tuple[float, float]
"""An interval of magnitudes, sign included."""


Reading = tuple[str, Span | None]
"""An operation, and its magnitudes; None if it takes none."""


def _both_ways(value: Any) -> Span:
    """An interval; one number v is (-v, v), as albumentations takes limits."""
    return _pair(value) or (-abs(float(value)), abs(float(value)))


def _from_zero(value: Any) -> Span:
    """An interval; one number v is (0, v)."""
    return _pair(value) or (0.0, float(value))


def _fixed(value: Any) -> Span:
    """An interval; one number v is (v, v)."""
    return _pair(value) or (float(value), float(value))


def _pair(value: Any) -> Span | None:
    if not isinstance(value, list | tuple):
        return None
    low, high = value
    return float(low), float(high)


def _scaled(span: Span, factor: float, shift: float = 0.0) -> Span:
    return round(span[0] * factor + shift, 12), round(span[1] * factor + shift, 12)


def _axis(value: Any, axis: str) -> Span:
    """What an argument {x: interval, y: interval} does along one axis; without axes it does so along both."""
    limits = value.get(axis) if isinstance(value, Mapping) else value
    return (0.0, 0.0) if limits is None else _both_ways(limits)


def _only(movements: Mapping[str, Span], transform: str) -> Reading:
    """The one of several movements that is not still.

    Raises:
        UserError: several move at once, which no single operation does.
    """
    moving = {name: span for name, span in movements.items() if span != (0.0, 0.0)}
    if len(moving) > 1:
        raise UserError(f"{transform} does several things at once ({', '.join(moving)}): no operation here does")
    name, span = next(iter(moving.items()), ("identity", None))
    return name, span


def _read_rotate(node: Node, dialect: Dialect) -> Reading:
    if node.get("crop_border"):
        raise UserError("Rotate with crop_border crops as well: no operation here does")
    return "rotate", _both_ways(node["limit"])


def _read_affine(node: Node, dialect: Dialect) -> Reading:
    """A shear or a translation along one axis, or a rotation, and nothing else."""
    scale = node.get("scale") or (1, 1)
    scales = scale.values() if isinstance(scale, Mapping) else [scale]
    if any(_fixed(value) != (1, 1) for value in scales) or node.get("fit_output"):
        raise UserError("Affine with scale or fit_output: no operation here scales")
    movements: dict[str, Span] = {"rotate": _both_ways(node.get("rotate") or 0)}
    for axis in ("x", "y"):
        degrees = _axis(node.get("shear"), axis)
        movements[f"shear-{axis}"] = _scaled((_tangent(degrees[0]), _tangent(degrees[1])), 1)
        movements[f"translate-{axis}"] = _axis(node.get("translate_percent"), axis)
        movements[f"translate-{axis}-pixels"] = _axis(node.get("translate_px"), axis)
    return _only(movements, "Affine")


def _tangent(degrees: float) -> float:
    return math.tan(math.radians(degrees))


def _read_shift_scale_rotate(node: Node, dialect: Dialect) -> Reading:
    if _both_ways(node["scale_limit"]) != (0, 0):
        raise UserError("ShiftScaleRotate with scale_limit: no operation here scales")
    movements = {"rotate": _both_ways(node["rotate_limit"])}
    for axis in ("x", "y"):
        limit = node.get(f"shift_limit_{axis}")
        movements[f"translate-{axis}"] = _both_ways(node["shift_limit"] if limit is None else limit)
    return _only(movements, "ShiftScaleRotate")


def _read_jitter(node: Node, dialect: Dialect) -> Reading:
    factors = {"brightness": "brightness", "contrast": "contrast", "color": "saturation"}
    movements = {name: _scaled(_factors(node[argument]), 1, -1) for name, argument in factors.items()}
    return _only({**movements, "hue": _both_ways(node["hue"])}, "ColorJitter")


def _factors(value: Any) -> Span:
    """An interval of factors; one number v is (1 - v, 1 + v), as ColorJitter takes it."""
    return _pair(value) or (max(0.0, 1 - float(value)), 1 + float(value))


def _read_brightness_contrast(node: Node, dialect: Dialect) -> Reading:
    """Values times 1 + contrast, which is an operation's brightness, plus brightness, which no operation does.

    albumentationsx has since 2.3.8 what torchvision has, unless `brightness_by_max`.
    """
    if node.get("ensure_safe_range") or node.get("ensure_safe_output"):
        raise UserError("RandomBrightnessContrast that keeps values in range does it by a weaker change than was drawn")
    brightness, contrast = _both_ways(node["brightness_limit"]), _both_ways(node["contrast_limit"])
    if dialect.multiplies_brightness and not node.get("brightness_by_max"):
        return _only({"brightness": brightness, "contrast": contrast}, "RandomBrightnessContrast")
    if brightness != (0, 0):
        raise UserError(
            "RandomBrightnessContrast with brightness_limit adds to every value: no operation here does (brightness "
            "multiplies them)"
        )
    return "brightness", contrast


def _read_solarize(node: Node, dialect: Dialect) -> Reading:
    if "threshold" in node:  # albumentations 1: of 0..255
        return "solarize", _fixed(node["threshold"])
    return "solarize", _scaled(_fixed(node["threshold_range"]), 255)


def _read_equalize(node: Node, dialect: Dialect) -> Reading:
    if node.get("mode", "cv") != "pil":
        raise UserError("Equalize with mode cv is another operation than equalize, which is that of Pillow")
    return "equalize", None


def _read_autocontrast(node: Node, dialect: Dialect) -> Reading:
    if node.get("method", "cdf") != "pil" or node.get("cutoff"):
        raise UserError("AutoContrast with method cdf or a cutoff is another operation than autocontrast: it equalizes")
    return "autocontrast", None


def _read_gray(node: Node, dialect: Dialect) -> Reading:
    if node.get("method", "weighted_average") != "weighted_average":
        raise UserError(f"ToGray with method {node['method']!r:.40} gives another grey than grayscale")
    return "grayscale", None


def _read_blur(node: Node, dialect: Dialect) -> Reading:
    sigma = _from_zero(node["sigma_limit"])
    side = max(_from_zero(node.get("blur_limit", 0)))
    if 0 < side < blur_side(sigma[1]):
        raise UserError(f"GaussianBlur with a kernel of {side:g} pixels cuts the blur off, gaussian-blur does not")
    return "gaussian-blur", sigma


READERS: Mapping[str, Callable[[Node, Dialect], Reading]] = MappingProxyType(
    {
        "NoOp": lambda node, dialect: ("identity", None),
        "Rotate": _read_rotate,
        "Affine": _read_affine,
        "ShiftScaleRotate": _read_shift_scale_rotate,
        "ColorJitter": _read_jitter,
        "RandomBrightnessContrast": _read_brightness_contrast,
        "Posterize": lambda node, dialect: ("posterize", _fixed(node["num_bits"])),
        "Solarize": _read_solarize,
        "AutoContrast": _read_autocontrast,
        "Equalize": _read_equalize,
        "InvertImg": lambda node, dialect: ("invert", None),
        "ToGray": _read_gray,
        "HorizontalFlip": lambda node, dialect: ("flip-horizontal", None),
        "VerticalFlip": lambda node, dialect: ("flip-vertical", None),
        "GaussianBlur": _read_blur,
    }
)
"""By transform: the operation that does the same in a library; a UserError says why there is none."""
