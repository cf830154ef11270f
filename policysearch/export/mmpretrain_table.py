"""Operations as transforms of MMPretrain's configs: dictionaries with a type, as mmengine builds them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from policysearch.policy.steps import Normal, Step, Uniform

Node = dict[str, Any]
"""A transform: its type and its arguments."""

NEAREST: Mapping[str, Any] = MappingProxyType({"interpolation": "nearest", "pad_val": 0})
"""What geometric transforms need so that pixels are those that were searched with; MMPretrain fills with 128."""

TOP = 10
"""`total_level`: a level of 10 is the end of `magnitude_range`."""

_SHORT = "MMPretrain knows no share of the side here, only pixels"
_NOT_THERE: Mapping[str, str] = MappingProxyType(
    {
        "translate-x-pixels": "MMPretrain translates by a share of the side, not by pixels",
        "translate-y-pixels": "MMPretrain translates by a share of the side, not by pixels",
        "cutout": f"{_SHORT}: put dict(type='Cutout', shape=PIXELS, pad_val=0, prob=...) into the pipeline",
        "pad-and-crop": f"{_SHORT}: put dict(type='RandomCrop', crop_size=SIDE, padding=PIXELS) into the pipeline",
        "hue": "MMPretrain's hue ends with an error on turns to the other side from NumPy 2 on",
        "resized-crop": f"{_SHORT}: put dict(type='RandomResizedCrop', scale=SIDE) into the pipeline",
    }
)
_DIFFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "gaussian-blur": "Pillow blurs by means of boxes: about half of the values differ",
        "random-erasing": "MMPretrain's box never reaches the last row and column, and shapes that do not fit are cut",
    }
)


def why_not(step: Step) -> str | None:
    """Why MMPretrain has no such transform; None where it has."""
    if step.operation in WRITERS:
        return None
    return _NOT_THERE.get(step.operation, f"MMPretrain has no {step.operation}")


def difference(step: Step) -> str | None:
    """In what its nearest transform is another operation; None where pixels are nearly the same."""
    return _DIFFERENCES.get(step.operation)


def node_of(step: Step) -> Node:
    """The transform of a step whose magnitude is a number, an interval or normal."""
    return WRITERS[step.operation](step)


def _drawn(step: Step, argument: str, shift: float = 0.0, factor: int = 1) -> Node:
    """The arguments for a magnitude times `factor`: a number, or the range in which MMPretrain draws a level."""
    magnitude = step.magnitude
    spread: float | str
    if isinstance(magnitude, Uniform):
        span, level, spread = (magnitude.start, magnitude.stop), float(TOP), "inf"
    elif isinstance(magnitude, Normal):
        low, high = step.range
        span, scale = (low, high), TOP / (high - low)
        level, spread = (magnitude.mean - low) * scale, magnitude.std * scale
    else:
        return {argument: factor * (magnitude or 0.0)}
    ends = [round(factor * end + shift, 12) for end in span]
    return {"magnitude_range": ends, "magnitude_level": level, "total_level": TOP, "magnitude_std": spread}


def _signed(kind: str, argument: str, factor: int = 1, **fixed: Any) -> Callable[[Step], Node]:
    """A transform that negates its magnitude with a probability; `factor` is -1 where it moves to the other side."""

    def write(step: Step) -> Node:
        sign = {"random_negative_prob": 0.5 if step.draws_sign else 0.0}
        side = 1 if step.draws_sign else factor
        return {"type": kind, **_drawn(step, argument, factor=side), "prob": step.probability, **sign, **fixed}

    return write


def _plain(kind: str, argument: str | None = None, **fixed: Any) -> Callable[[Step], Node]:
    """A transform without a sign, or without a magnitude."""

    def write(step: Step) -> Node:
        drawn = _drawn(step, argument) if argument else {}
        return {"type": kind, **drawn, "prob": step.probability, **fixed}

    return write


def _posterize(step: Step) -> Node:
    """MMPretrain rounds the number of bits up, this program to the nearest."""
    if isinstance(step.magnitude, float):
        drawn: Node = {"bits": round(step.magnitude)}
    else:
        drawn = _drawn(step, "bits", shift=-0.5)
    return {"type": "Posterize", **drawn, "prob": step.probability}


def _solarize_add(step: Step) -> Node:
    drawn = _drawn(step, "magnitude")
    if isinstance(step.magnitude, float):
        drawn = {"magnitude": math.floor(step.magnitude)}
    return {"type": "SolarizeAdd", **drawn, "prob": step.probability}


def _erasing(step: Step) -> Node:
    magnitude = step.magnitude
    low, high = (magnitude.start, magnitude.stop) if isinstance(magnitude, Uniform) else (magnitude, magnitude)
    return {
        "type": "RandomErasing",
        "erase_prob": step.probability,
        "min_area_ratio": low,
        "max_area_ratio": high,
        "aspect_range": [round(1 / 3.3, 12), 3.3],
        "mode": "const",
        "fill_color": 0,
    }


def _gray(step: Step) -> Node:
    weights = [0.114, 0.587, 0.2989]
    return {"type": "RandomGrayscale", "prob": step.probability, "keep_channels": True, "channel_weights": weights}


WRITERS: Mapping[str, Callable[[Step], Node]] = MappingProxyType(
    {
        "identity": lambda step: {},
        "rotate": _signed("Rotate", "angle", -1, **NEAREST),
        "shear-x": _signed("Shear", "magnitude", -1, direction="horizontal", **NEAREST),
        "shear-y": _signed("Shear", "magnitude", -1, direction="vertical", **NEAREST),
        "translate-x": _signed("Translate", "magnitude", direction="horizontal", **NEAREST),
        "translate-y": _signed("Translate", "magnitude", direction="vertical", **NEAREST),
        "brightness": _signed("Brightness", "magnitude"),
        "color": _signed("ColorTransform", "magnitude"),
        "contrast": _signed("Contrast", "magnitude"),
        "sharpness": _signed("Sharpness", "magnitude"),
        "posterize": _posterize,
        "solarize": _plain("Solarize", "thr"),
        "solarize-add": _solarize_add,
        "autocontrast": _plain("AutoContrast"),
        "equalize": _plain("Equalize"),
        "invert": _plain("Invert"),
        "grayscale": _gray,
        "flip-horizontal": _plain("RandomFlip", direction="horizontal"),
        "flip-vertical": _plain("RandomFlip", direction="vertical"),
        "gaussian-blur": _plain("GaussianBlur", "radius"),
        "random-erasing": _erasing,
    }
)
"""By operation: (step) -> its transform. Magnitudes of several levels are written as a choice of such."""
