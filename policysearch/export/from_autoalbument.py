"""AutoAlbument's files: the policy that it saves, and its config, which says with what a search of it begins."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import ValidationError

from policysearch.core.errors import UserError
from policysearch.export import from_albumentations
from policysearch.export.lossy import refusal
from policysearch.policy.policy import Policy
from policysearch.policy.steps import OneOf, Step, SubPolicy, Uniform
from policysearch.policy.validation import validation_message

_MOST_OPERATIONS, _MOST_STEPS = 200, 20
_HALF = 0.5
"""What the probability of each operation is on average before AutoAlbument has learned it: evenly from 0 to 1."""
_NOTES = (
    "a config is where a search begins: magnitudes are drawn evenly for each image, and operations applied half the "
    "time, which AutoAlbument would learn",
    "AutoAlbument reflects what lies outside, here it is black; turns and shifts are of nearest neighbours",
)


def _even(operation: str, start: float, stop: float) -> Callable[[], Step]:
    signed = start < 0
    drawn = Uniform(start=0.0 if signed else start, stop=stop)
    return lambda: Step(operation=operation, probability=_HALF, magnitude=drawn)


_OPERATIONS: Mapping[str, Callable[[], Step]] = MappingProxyType(
    {
        "Solarize": _even("solarize", 0.0, 255.0),
        "HorizontalFlip": lambda: Step(operation="flip-horizontal", probability=_HALF),
        "VerticalFlip": lambda: Step(operation="flip-vertical", probability=_HALF),
        "Rotate": _even("rotate", -180.0, 180.0),
        "ShiftX": _even("translate-x", -1.0, 1.0),
        "ShiftY": _even("translate-y", -1.0, 1.0),
    }
)
"""By class of AutoAlbument: the step on the whole of its range."""
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "ShiftRGB": "ShiftRGB adds to one channel",
        "RandomBrightness": "RandomBrightness adds to every value (brightness multiplies them)",
        "RandomContrast": "RandomContrast multiplies by up to 10 (brightness by 2)",
        "Scale": "Scale zooms by up to 10",
        "CutoutFixedNumberOfHoles": "CutoutFixedNumberOfHoles hides several squares (cutout one)",
        "CutoutFixedSize": "CutoutFixedSize hides several squares (cutout one)",
    }
)


def read(text: str, name: str, allow_loss: bool = False) -> tuple[Policy, list[str]]:
    """The policy of a file that AutoAlbument saved, or that its config begins with; and in what it is not the same.

    Args:
        text: JSON as of `A.save`, or YAML with `policy_model`.
        name: what it is called in complaints.
        allow_loss: leave out what no operation here does.

    Raises:
        UserError: it is no such file, or no policy here can express it and `allow_loss` is False.
    """
    if _is_json(text):
        return from_albumentations.read(text, name, allow_loss)
    model = _policy_model(text, name)
    count = model.get("operation_count", 4)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST_STEPS:
        raise UserError(f"{name}: operation_count must be from 1 to {_MOST_STEPS}, got {count!r:.40}")
    losses: dict[str, None] = {}
    steps = tuple(step for row in _rows(model, name) if (step := _step(row, name, losses)) is not None)
    if losses and not allow_loss:
        raise refusal(f"{name} has what no policy here can express", list(losses))
    if not steps:
        raise UserError(f"{name}: none of its operations is one of a policy's: {'; '.join(losses)}")
    try:
        policy = Policy(sub_policies=(SubPolicy(steps=(OneOf(one_of=steps),) * count),))
    except ValidationError as error:
        raise UserError(f"{name}: {validation_message(error)}") from None
    return policy, [*losses, *_NOTES]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _policy_model(text: str, name: str) -> Mapping[str, Any]:
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{name} is neither JSON nor YAML ({' '.join(str(error).split())[:80]})") from None
    model = data.get("policy_model") if isinstance(data, Mapping) else None
    if not isinstance(model, Mapping):
        raise UserError(f"{name} is no config of AutoAlbument: it has no policy_model")
    return model


def _rows(model: Mapping[str, Any], name: str) -> list[Any]:
    rows = model.get("operations")
    if not isinstance(rows, list) or not 1 <= len(rows) <= _MOST_OPERATIONS:
        raise UserError(
            f"{name}: policy_model needs its operations (search_full.yaml lists them, autoalbument-create "
            f"--generate-full-config writes it), got {rows!r:.40}"
        )
    return rows


def _step(row: Any, name: str, losses: dict[str, None]) -> Step | None:
    """The step of an operation; None, and a loss, where no operation here does what it does."""
    target = row.get("_target_") if isinstance(row, Mapping) else None
    if not isinstance(target, str):
        raise UserError(f"{name}: an operation has a _target_, got {row!r:.60}")
    kind = target.rpartition(".")[2]
    if kind not in _OPERATIONS:
        losses[_REASONS.get(kind, f"no operation here does what {kind!r:.60} does")] = None
        return None
    return _OPERATIONS[kind]()
