"""The JSON of `A.to_dict`, `A.save` and `export --to albumentations`, as a policy."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from policysearch.core.errors import UserError, unknown_name
from policysearch.export import to_albumentations
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import OneOf, Step, SubPolicy, Uniform
from policysearch.policy.validation import validation_message

_NOTE = "edges and interpolation of the file are not kept: here what lies outside is black, neighbours are nearest"
_GROUPS = ("Compose", "Sequential")
Node = Mapping[str, Any]
Span = tuple[float, float]


def _span(value: Any) -> Span:
    """An interval; one number v is (-v, v), as albumentations takes it."""
    if isinstance(value, list | tuple) and len(value) == 2:
        return float(value[0]), float(value[1])
    return -float(value), float(value)


def _jitter(node: Node) -> tuple[str, Span | None]:
    """The one of ColorJitter's four that does something."""
    names = {"brightness": "brightness", "contrast": "contrast", "saturation": "color", "hue": "hue"}
    spans = {ours: tuple(map(float, node[theirs])) for theirs, ours in names.items()}
    moving = {name: span for name, span in spans.items() if span != ((0, 0) if name == "hue" else (1, 1))}
    if len(moving) > 1:
        raise UserError("ColorJitter with several factors at once is no single operation here")
    name, (low, high) = next(iter(moving.items()), ("identity", (1.0, 1.0)))
    return name, None if name == "identity" else (low, high) if name == "hue" else _rounded(low - 1, high - 1)


def _rounded(low: float, high: float) -> Span:
    return round(low, 12), round(high, 12)


def _affine(node: Node) -> tuple[str, Span | None]:
    """A shear or a translation along one axis, or a rotation, and nothing else."""
    found = {
        f"{ours}-{axis}{end}": _axis(node.get(theirs), axis)
        for theirs, ours, end in (
            ("shear", "shear", ""),
            ("translate_percent", "translate", ""),
            ("translate_px", "translate", "-pixels"),
        )
        for axis in ("x", "y")
    }
    moving = {name: span for name, span in found.items() if span not in (None, (0, 0))}
    if len(moving) != 1:
        raise UserError("Affine must shear or translate along one axis and do nothing else")
    name, span = next(iter(moving.items()))
    assert span is not None
    return name, _rounded(*(math.tan(math.radians(v)) for v in span)) if name.startswith("shear") else span


def _axis(value: Any, axis: str) -> Span | None:
    return _span(value[axis]) if isinstance(value, Mapping) and axis in value else None


def _scaled(value: Any, factor: float) -> Span:
    low, high = value if isinstance(value, list | tuple) else (value, value)
    return _rounded(float(low) * factor, float(high) * factor)


_CLASSES: Mapping[str, Callable[[Node], tuple[str, Span | None]]] = MappingProxyType(
    {
        "NoOp": lambda node: ("identity", None),
        "Rotate": lambda node: ("rotate", _span(node["limit"])),
        "Affine": _affine,
        "ColorJitter": _jitter,
        "Posterize": lambda node: ("posterize", _scaled(node["num_bits"], 1)),
        "Solarize": lambda node: ("solarize", _scaled(node["threshold_range"], 255)),
        "AutoContrast": lambda node: ("autocontrast", None),
        "Equalize": lambda node: ("equalize", None),
        "InvertImg": lambda node: ("invert", None),
        "ToGray": lambda node: ("grayscale", None),
        "HorizontalFlip": lambda node: ("flip-horizontal", None),
        "VerticalFlip": lambda node: ("flip-vertical", None),
        "GaussianBlur": lambda node: ("gaussian-blur", _scaled(node["sigma_limit"], 1)),
    }
)


def read(text: str, name: str) -> tuple[Policy, list[str]]:
    """The policy, and in what it is not the same.

    Raises:
        UserError: it is no such JSON, or has a transform that no policy here can say.
    """
    try:
        data = json.loads(text)
        whole = data["transform"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise UserError(f"{name} is not the JSON of A.to_dict: it has no key 'transform'") from None
    ours = _exported(data, name)
    if ours is not None:
        return ours, []
    try:
        return Policy(sub_policies=tuple(_sub_policies(whole))), [_NOTE]
    except ValidationError as error:
        raise UserError(f"{name}: {validation_message(error)}") from None
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{name}: a transform lacks something or has it wrong ({type(error).__name__}: {error})"
        ) from None


def _exported(data: Node, name: str) -> Policy | None:
    """The policy that was written along, if the transforms are still what it gives."""
    if "policysearch" not in data:
        return None
    policy = Policy.from_dict(data["policysearch"], name)
    told, _ = to_albumentations.expressible(policy)
    return policy if json.loads(json.dumps(to_albumentations.transform(told))) == data["transform"] else None


def _class(node: Node) -> str:
    return str(node["__class_fullname__"]).rpartition(".")[2]


def _sub_policies(whole: Node) -> list[SubPolicy]:
    if _class(whole) not in _GROUPS:
        raise UserError(f"a policy is a Compose, got {_class(whole)}")
    parts = whole["transforms"]
    if (
        len(parts) == 1
        and _class(parts[0]) == "OneOf"
        and all(_class(n) == "Sequential" for n in parts[0]["transforms"])
    ):
        return [SubPolicy(steps=_steps(node["transforms"]), weight=float(node["p"])) for node in parts[0]["transforms"]]
    return [SubPolicy(steps=_steps(parts))]


def _steps(nodes: list[Node]) -> tuple[Step | OneOf, ...]:
    return tuple(map(_step, nodes))


def _step(node: Node) -> Step | OneOf:
    if _class(node) != "OneOf":
        return _one(node, float(node["p"]))
    mirrored = _mirrored(node)
    if mirrored is not None:
        return mirrored
    shares = [float(one["p"]) for one in node["transforms"]]
    if max(shares) - min(shares) > 1e-9 or float(node["p"]) != 1:
        raise UserError("OneOf must have p = 1 and transforms of one p each, or sequences as sub-policies")
    return OneOf(one_of=tuple(_chosen(one) for one in node["transforms"]))


def _chosen(node: Node) -> Step:
    """A transform of a OneOf, whose own p is only its weight; a sequence of one keeps what is inside."""
    if _class(node) == "Sequential" and len(node["transforms"]) == 1:
        inside = _step(node["transforms"][0])
    else:
        inside = _step({**node, "p": 1.0})
    if not isinstance(inside, Step):
        raise UserError("a OneOf within a OneOf is no step here")
    return inside


def _mirrored(node: Node) -> Step | None:
    """The step of a OneOf of one transform with both signs."""
    if len(node["transforms"]) != 2 or len({_class(one) for one in node["transforms"]}) > 1:
        return None
    first, second = (_one(one, float(node["p"])) for one in node["transforms"])
    spans = [_ends(step) for step in (first, second)]
    if first.operation != second.operation or first.signed or spans[0] != tuple(-v for v in reversed(spans[1])):
        return None
    return first.model_copy(update={"signed": True})


def _ends(step: Step) -> Span:
    magnitude = step.magnitude
    if isinstance(magnitude, Uniform):
        return magnitude.start, magnitude.stop
    return (float(magnitude), float(magnitude)) if isinstance(magnitude, int | float) else (math.nan, math.nan)


def _one(node: Node, probability: float) -> Step:
    if _class(node) not in _CLASSES:
        raise unknown_name("transform", _class(node), _CLASSES)
    operation, span = _CLASSES[_class(node)](node)
    if span is None:
        return Step(operation=operation, probability=probability)
    low, high = span
    signed = OPERATIONS[operation].signed
    if signed and low == -high and high > 0:
        return Step(operation=operation, probability=probability, magnitude=Uniform(start=0.0, stop=high))
    magnitude = low if low == high else Uniform(start=low, stop=high)
    return Step(operation=operation, probability=probability, magnitude=magnitude, signed=not signed)
