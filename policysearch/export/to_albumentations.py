"""Policies as JSON for `A.from_dict`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

from policysearch.export.lossy import Source, altered, in_order, own_operation, replaced, unsupported
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Normal, OneOf, SomeOf, Step, Uniform

Node = dict[str, Any]
_QUANTILES = 7
_NEAREST = {"interpolation": 0, "border_mode": 0, "fill": 0}
_STILL: Mapping[str, list[float]] = MappingProxyType(
    {"brightness": [1, 1], "contrast": [1, 1], "saturation": [1, 1], "hue": [0, 0]}
)


def _node(kind: str, p: float = 1.0, /, **arguments: Any) -> Node:
    return {"__class_fullname__": kind, "p": p, **arguments}


def _degrees(tangent: float) -> float:
    return math.degrees(math.atan(tangent))


def _affine(argument: str, axis: str, low: float, high: float) -> Node:
    other = "y" if axis == "x" else "x"
    return _node("Affine", **{argument: {axis: [low, high], other: [0, 0]}}, **_NEAREST)


def _jitter(name: str, low: float, high: float) -> Node:
    return _node("ColorJitter", **{**_STILL, name: [low, high]})


def _posterize(low: float, high: float) -> Node:
    return _node("Posterize", num_bits=[round(low), round(high)]) if round(high) < 8 else _node("NoOp")


def _solarize(low: float, high: float) -> Node:
    return _node("NoOp") if low > 255 else _node("Solarize", threshold_range=[low / 255, min(1.0, high / 255)])


def _blur(low: float, high: float) -> Node:
    if not high:
        return _node("NoOp")
    side = 2 * math.ceil(3 * high) + 1 if low == high else 0
    return _node("GaussianBlur", sigma_limit=[low, high], blur_limit=[side, side] if side else 0)


_ROWS: Mapping[str, Callable[[float, float], Node]] = MappingProxyType(
    {
        "identity": lambda a, b: _node("NoOp"),
        "rotate": lambda a, b: _node("Rotate", limit=[a, b], **_NEAREST),
        "shear-x": lambda a, b: _affine("shear", "x", _degrees(a), _degrees(b)),
        "shear-y": lambda a, b: _affine("shear", "y", _degrees(a), _degrees(b)),
        "translate-x": lambda a, b: _affine("translate_percent", "x", a, b),
        "translate-y": lambda a, b: _affine("translate_percent", "y", a, b),
        "translate-x-pixels": lambda a, b: _affine("translate_px", "x", int(a), int(b)),
        "translate-y-pixels": lambda a, b: _affine("translate_px", "y", int(a), int(b)),
        "brightness": lambda a, b: _jitter("brightness", 1 + a, 1 + b),
        "contrast": lambda a, b: _jitter("contrast", 1 + a, 1 + b),
        "color": lambda a, b: _jitter("saturation", 1 + a, 1 + b),
        "hue": lambda a, b: _jitter("hue", a, b),
        "posterize": _posterize,
        "solarize": _solarize,
        "autocontrast": lambda a, b: _node("AutoContrast", method="pil"),
        "equalize": lambda a, b: _node("Equalize", mode="pil"),
        "invert": lambda a, b: _node("InvertImg"),
        "grayscale": lambda a, b: _node("ToGray"),
        "flip-horizontal": lambda a, b: _node("HorizontalFlip"),
        "flip-vertical": lambda a, b: _node("VerticalFlip"),
        "gaussian-blur": _blur,
    }
)
"""By operation: the transform that draws a magnitude evenly from [a, b], sign included, and applies it always."""

_OTHERWISE: Mapping[str, str] = MappingProxyType(
    {
        "shear-x": "albumentations shears about the image's centre, not its corner",
        "shear-y": "albumentations shears about the image's centre, not its corner",
        "autocontrast": "albumentations has another autocontrast: about half of the values differ",
        "equalize": "albumentations has another equalize: most values differ",
    }
)


def expressible(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy as far as albumentations can say it, and what is lost."""
    plain, lost = unsupported(policy, "albumentations")
    ordered, disordered = in_order(plain, "albumentations")
    told, missing = replaced(ordered, _why_not)
    otherwise = altered(told, lambda step: _OTHERWISE.get(step.operation))
    return told, [*lost, *disordered, *missing, *otherwise, *altered(told, _change)]


def _why_not(step: Step) -> str | None:
    own = own_operation(step, "albumentations")
    return own or (None if step.operation in _ROWS else f"albumentations has no {step.operation} like the one searched")


def _change(step: Step) -> str | None:
    magnitude = step.magnitude
    if isinstance(magnitude, Normal):
        return f"noisy magnitudes are drawn from {_QUANTILES} quantiles"
    if isinstance(magnitude, Uniform) and magnitude.levels:
        return "magnitudes of levels are drawn from the whole interval"
    if isinstance(magnitude, Uniform) and step.operation == "posterize" and max(magnitude.start, magnitude.stop) > 7:
        return "posterize with 8 bits is left out"
    return None


def transform(policy: Policy) -> Node:
    """The `A.Compose` as data."""
    subs = [[_step(step) for step in sub.steps] for sub in policy.sub_policies]
    if len(subs) == 1:
        return _node("Compose", transforms=subs[0])
    total = sum(sub.weight for sub in policy.sub_policies)
    shares = [sub.weight / total for sub in policy.sub_policies]
    each = [_node("Sequential", p, transforms=steps or [_node("NoOp")]) for p, steps in zip(shares, subs, strict=True)]
    return _node("Compose", transforms=[_node("OneOf", transforms=each)])


def _step(step: Step | OneOf | SomeOf) -> Node:
    if isinstance(step, Step):
        return _one(step)
    assert isinstance(step, OneOf)
    p = 1 / len(step.one_of)
    each = [{**_one(one), "p": p} if one.probability == 1 else _within(_one(one), p) for one in step.one_of]
    return _node("OneOf", transforms=each)


def _within(node: Node, p: float) -> Node:
    """A transform that keeps its own probability where p is what it is chosen with."""
    return _node("Sequential", p, transforms=[node])


def _one(step: Step) -> Node:
    row = _ROWS[step.operation]
    parts = [row(*span) for span in _spans(step)]
    if len(parts) == 1:
        return {**parts[0], "p": step.probability}
    return _node("OneOf", step.probability, transforms=[{**part, "p": 1 / len(parts)} for part in parts])


def _spans(step: Step) -> list[tuple[float, float]]:
    """Intervals of the magnitude with its sign, each drawn alike."""
    magnitude = step.magnitude
    if isinstance(magnitude, Uniform):
        low, high = sorted((magnitude.start, magnitude.stop))
        spans = [(min(low, 7.0), min(high, 7.0))] if step.operation == "posterize" else [(low, high)]
    elif isinstance(magnitude, Normal):
        shares = [(i + 0.5) / _QUANTILES for i in range(_QUANTILES)]
        values = [magnitude.mean + magnitude.std * NormalDist().inv_cdf(share) for share in shares]
        spans = [(v, v) for v in (min(max(v, step.range[0]), step.range[1]) for v in values)]
    else:
        spans = [(magnitude or 0.0, magnitude or 0.0)]
    if not step.draws_sign or spans == [(0.0, 0.0)]:
        return spans
    if len(spans) == 1 and spans[0][0] == 0:
        return [(-spans[0][1], spans[0][1])]
    return [signed for a, b in spans for signed in ((a, b), (-b, -a))]


def live(policy: Policy) -> Any:
    """The `A.Compose`."""
    import albumentations

    return albumentations.from_dict({"transform": transform(policy)})


def write(policy: Policy, name: str, source: Source | None = None) -> str:
    """JSON for `A.from_dict(json.load(file))` or `A.load`; `policysearch` in it is the policy itself."""
    whole = {
        "use": "policy = A.from_dict(json.load(open('FILE'))), called with image=uint8 [H, W, C]; with boxes: "
        "A.Compose(policy.transforms, bbox_params=A.BboxParams('pascal_voc'))",
        "policysearch": json.loads((source.policy if source else policy).to_json()),
        **({"left_out": list(source.lost)} if source and source.lost else {}),
        "transform": transform(policy),
    }
    return json.dumps(whole, indent=1) + "\n"
