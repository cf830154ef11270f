"""What the transforms of an MMPretrain config are here: operations, their magnitudes and their probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from policysearch.core.errors import UserError
from policysearch.export.autoaugment_lists import number
from policysearch.export.mmpretrain_table import NEAREST, Node
from policysearch.policy.steps import Normal, SomeOf, Step, Uniform

EDGES = "edges and interpolation of the config are not kept: here what lies outside is black, neighbours are nearest"
_CUT = "MMPretrain cuts noisy levels off at the ends of magnitude_range, here they are cut at the operation's range"
_BOXES = "Pillow's blur by means of boxes is another operation than gaussian-blur"
_REDRAWN = "MMPretrain draws a crop's area and shape ten times and then gives up, which makes large areas rarer"
_SIDES = {"horizontal": "x", "vertical": "y"}
_LUMA = (0.114, 0.587, 0.2989)


@dataclass(frozen=True)
class Reading:
    """A step, and what should be known.

    Attributes:
        step: what does the same here.
        losses: in what it is another operation.
        notes: what is not the same in a small way.
    """

    step: Step | SomeOf
    losses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_transform(node: Node, side: int | None) -> Reading:
    """The step of a transform.

    Args:
        node: its type and arguments.
        side: of the images in pixels, if the config says it before.

    Raises:
        UserError: no operation here does what it does.
    """
    kind = str(node["type"])
    if kind in _ROWS:
        return _read_row(node, _ROWS[kind])
    if kind not in _READERS:
        raise UserError(f"no operation here does what {kind!r:.60} does")
    return _READERS[kind](node, side)


@dataclass(frozen=True)
class _Row:
    """A transform with one magnitude: its operation here, the argument, and the factor of the magnitude.

    `signed` where MMPretrain negates it half the time unless told otherwise; `axes` where it has a direction.
    """

    operation: str
    argument: str | None = None
    factor: int = 1
    signed: bool = False
    axes: bool = False


def _enhancing(operation: str) -> _Row:
    return _Row(operation, "magnitude", signed=True)


_ROWS: Mapping[str, _Row] = MappingProxyType(
    {
        "Rotate": _Row("rotate", "angle", -1, True),
        "Shear": _Row("shear", "magnitude", -1, True, axes=True),
        "Translate": _Row("translate", "magnitude", 1, True, axes=True),
        "Brightness": _enhancing("brightness"),
        "ColorTransform": _enhancing("color"),
        "Contrast": _enhancing("contrast"),
        "Sharpness": _enhancing("sharpness"),
        "Solarize": _Row("solarize", "thr"),
        "SolarizeAdd": _Row("solarize-add", "magnitude"),
        "Posterize": _Row("posterize", "bits"),
        "GaussianBlur": _Row("gaussian-blur", "radius"),
        "AutoContrast": _Row("autocontrast"),
        "Equalize": _Row("equalize"),
        "Invert": _Row("invert"),
    }
)


def _read_row(node: Node, row: _Row) -> Reading:
    kind = node["type"]
    probability = number(node.get("prob", 0.5), 0, 1, f"prob of {kind}")
    operation = f"{row.operation}-{_axis(node)}" if row.axes else row.operation
    notes = [EDGES] if row.factor == -1 or row.axes else []
    defaults = {"interpolation": "bicubic" if kind == "Shear" else "nearest"}
    if notes and all({**defaults, **node}.get(key) == value for key, value in NEAREST.items()):
        notes = []
    if row.argument is None:
        return Reading(Step(operation=operation, probability=probability))
    if kind == "SolarizeAdd" and node.get("thr", 128) != 128:
        raise UserError(f"SolarizeAdd with thr {node['thr']!r:.40}: solarize-add has 128")

    magnitude = _magnitude(node, row.argument, 0.5 if operation == "posterize" else 0.0)
    if isinstance(magnitude, Normal):
        notes.append(_CUT)
    losses = (_BOXES,) if operation == "gaussian-blur" else ()
    if not row.signed:
        step = Step(operation=operation, probability=probability, magnitude=magnitude)
        return Reading(step, losses, tuple(notes))
    negative = number(node.get("random_negative_prob", 0.5), 0, 1, f"random_negative_prob of {kind}")
    if negative not in (0, 0.5, 1):
        raise UserError(
            f"{kind} is negated with probability {negative:g}: here signs are fixed, or drawn half and half"
        )
    if negative == 0.5:
        signed = Step(operation=operation, probability=probability, magnitude=_positive(magnitude))
        return Reading(signed, losses, tuple(notes))
    turned = _times(magnitude, row.factor * (-1 if negative == 1 else 1))
    fixed = Step(operation=operation, probability=probability, magnitude=turned, signed=False)
    return Reading(fixed, losses, tuple(notes))


def _axis(node: Node) -> str:
    direction = node.get("direction", "horizontal")
    if not isinstance(direction, str) or direction not in _SIDES:
        raise UserError(f"direction of {node['type']} is horizontal or vertical, got {direction!r:.40}")
    return _SIDES[direction]


Magnitude = float | Uniform | Normal


def _magnitude(node: Node, argument: str, up: float) -> Magnitude:
    """The magnitude as it is drawn, before its sign; `up` is what whole bits are rounded up by."""
    kind = node["type"]
    if node.get(argument) is not None:
        value = number(node[argument], -1e6, 1e6, f"{argument} of {kind}")
        return float(math.ceil(value)) if up else value
    if node.get("magnitude_range") is None:
        raise UserError(f"{kind} needs {argument} or magnitude_range")
    low, high = (number(end, -1e6, 1e6, f"magnitude_range of {kind}") for end in node["magnitude_range"])
    total = number(node.get("total_level", 10), 1e-6, 1e6, f"total_level of {kind}")
    level = number(node.get("magnitude_level", 10), 0, 1e6, f"magnitude_level of {kind}")
    spread = node.get("magnitude_std", 0)
    at = round(low + (high - low) * level / total, 12)
    if spread == "inf":
        return Uniform(start=_raised(low, up), stop=_raised(at, up))
    spread = number(spread, -1e6, 1e6, f"magnitude_std of {kind}")
    if spread > 0:
        return Normal(mean=_raised(at, up), std=round(abs(high - low) * spread / total, 12))
    return float(math.ceil(at)) if up else at


def _raised(value: float, up: float) -> float:
    return min(8.0, value + up) if up else value


def _positive(magnitude: Magnitude) -> Magnitude:
    """A magnitude whose sign is drawn after it."""
    if isinstance(magnitude, Uniform) and magnitude.start * magnitude.stop < 0:
        raise UserError(
            f"magnitudes from {magnitude.start:g} to {magnitude.stop:g} with a drawn sign are no range here"
        )
    if isinstance(magnitude, Uniform | Normal):
        lowest = magnitude.mean if isinstance(magnitude, Normal) else magnitude.start + magnitude.stop
        return _times(magnitude, -1 if lowest < 0 else 1)
    return abs(magnitude)


def _times(magnitude: Magnitude, factor: int) -> Magnitude:
    if isinstance(magnitude, Uniform):
        return Uniform(start=factor * magnitude.start, stop=factor * magnitude.stop)
    if isinstance(magnitude, Normal):
        return Normal(mean=factor * magnitude.mean, std=magnitude.std)
    return factor * magnitude


def _read_flip(node: Node, side: int | None) -> Reading:
    direction = node.get("direction", "horizontal")
    if not isinstance(direction, str) or direction not in _SIDES or isinstance(node.get("prob"), list | tuple):
        raise UserError(
            f"RandomFlip in {direction!r:.40} by {node.get('prob')!r:.40}: one direction and one prob are read"
        )
    return Reading(
        Step(operation=f"flip-{direction}", probability=number(node.get("prob"), 0, 1, "prob of RandomFlip"))
    )


def _read_gray(node: Node, side: int | None) -> Reading:
    weights = node.get("channel_weights", (1.0, 1.0, 1.0))
    total = sum(weights)
    if any(abs(weight / total - luma) > 0.002 for weight, luma in zip(weights, _LUMA, strict=True)):
        raise UserError(f"RandomGrayscale with channel_weights {weights!r:.60} gives another grey than grayscale")
    return Reading(
        Step(operation="grayscale", probability=number(node.get("prob", 0.1), 0, 1, "prob of RandomGrayscale"))
    )


def _read_jitter(node: Node, side: int | None) -> Reading:
    """All that it changes, in random order."""
    names = {"brightness": "brightness", "contrast": "contrast", "saturation": "color", "hue": "hue"}
    steps = []
    for argument, operation in names.items():
        value = node.get(argument, 0)
        if not value:
            continue
        if not isinstance(value, list | tuple):
            reach = number(value, 0, 0.5 if operation == "hue" else 1, f"{argument} of ColorJitter")
            steps.append(Step(operation=operation, magnitude=Uniform(start=0.0, stop=reach)))
            continue
        middle = 0 if operation == "hue" else 1
        low, high = (round(number(end, -10, 10, f"{argument} of ColorJitter") - middle, 12) for end in value)
        even = low == -high
        drawn = Uniform(start=0.0, stop=high) if even else Uniform(start=low, stop=high)
        steps.append(Step(operation=operation, magnitude=drawn, signed=even))
    if not steps:
        return Reading(Step(operation="identity"))
    if len(steps) == 1:
        return Reading(steps[0])
    return Reading(SomeOf(some_of=tuple(steps), counts=(*[0.0] * len(steps), 1.0)))


def _read_erasing(node: Node, side: int | None) -> Reading:
    if node.get("mode", "const") != "const":
        raise UserError("RandomErasing with mode rand fills with random values, random-erasing with black")
    low = number(node.get("min_area_ratio", 0.02), 0, 1, "min_area_ratio of RandomErasing")
    high = number(node.get("max_area_ratio", 0.4), 0, 1, "max_area_ratio of RandomErasing")
    step = Step(
        operation="random-erasing",
        probability=number(node.get("erase_prob", 0.5), 0, 1, "erase_prob of RandomErasing"),
        magnitude=Uniform(start=low, stop=high) if low < high else low,
    )
    black = node.get("fill_color", (128, 128, 128)) in (0, [0, 0, 0], (0, 0, 0))
    return Reading(step, notes=() if black else ("random-erasing and cutout hide with black, not grey",))


def _read_crop(node: Node, side: int | None) -> Reading:
    low, high = (
        number(end, 0, 1, "crop_ratio_range of RandomResizedCrop") for end in node.get("crop_ratio_range", (0.08, 1.0))
    )
    shapes = [round(float(ratio), 3) for ratio in node.get("aspect_ratio_range", (3 / 4, 4 / 3))]
    if shapes != [0.75, 1.333]:
        raise UserError(
            f"RandomResizedCrop with shapes from {shapes[0]:g} to {shapes[-1]:g}: resized-crop has 3:4 to 4:3"
        )
    magnitude = Uniform(start=low, stop=high) if low < high else low
    return Reading(Step(operation="resized-crop", magnitude=magnitude), notes=(_REDRAWN,))


def _read_padded_crop(node: Node, side: int | None) -> Reading:
    size, padding = node.get("crop_size"), node.get("padding")
    if padding is None:
        return Reading(Step(operation="identity"), notes=("RandomCrop without padding is left to your own pipeline",))
    if not isinstance(size, int) or not isinstance(padding, int) or node.get("padding_mode", "constant") != "constant":
        raise UserError(
            "RandomCrop is read with one crop_size, one padding and padding_mode constant: pad-and-crop pads all sides "
            "alike with black"
        )
    share = round(padding / size, 12)
    return Reading(
        Step(operation="pad-and-crop", magnitude=share), notes=(f"images of {size} pixels a side are taken",)
    )


def _read_cutout(node: Node, side: int | None) -> Reading:
    probability = number(node.get("prob", 0.5), 0, 1, "prob of Cutout")
    shape = node.get("shape")
    if not isinstance(shape, int) or side is None:
        raise UserError("Cutout is read with one shape in pixels, after a transform that says the side of the images")
    step = Step(operation="cutout", probability=probability, magnitude=min(1.0, shape / side))
    return Reading(
        step, notes=("random-erasing and cutout hide with black, not grey",) if node.get("pad_val", 128) else ()
    )


_READERS: Mapping[str, Callable[[Node, int | None], Reading]] = MappingProxyType(
    {
        "RandomFlip": _read_flip,
        "RandomGrayscale": _read_gray,
        "ColorJitter": _read_jitter,
        "RandomErasing": _read_erasing,
        "RandomResizedCrop": _read_crop,
        "RandomCrop": _read_padded_crop,
        "Cutout": _read_cutout,
    }
)


def side_of(node: Any) -> int | None:
    """The side of the images after a transform that says it, in pixels."""
    value = node.get("crop_size", node.get("scale"))
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
