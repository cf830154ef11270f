"""timm's config strings, read by timm itself, and the files that `to_timm` writes, read as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, floor, inf, isfinite
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from policysearch.core.errors import UserError
from policysearch.export.autoaugment_lists import literal
from policysearch.export.timm_names import ENHANCING, OURS
from policysearch.policy.operations import operation
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Magnitude, Normal, OneOf, Step, SubPolicy, Uniform, choices
from policysearch.policy.validation import validation_message

_STRING = re.compile(r"[a-z0-9]+(-[a-z]+[0-9.]*)*")
_MOST_LAYERS = 100
_FAR = 4
"""Standard deviations beyond which noise is not seen."""
_FILLING = (
    "timm fills with grey and interpolates by bilinear or bicubic chance, here black and nearest; translations are "
    "whole pixels"
)
_CUT = "timm cuts noisy levels off at its own top level, here they are cut at the operation's range"
_NO_BITS = (
    "a level that leaves posterize 0 bits gives a black image, as timm means it; timm itself ends with an error there "
    "from Pillow 13 on"
)


@dataclass(frozen=True)
class _Row:
    """Our operation, and our magnitude start + slope · level, which timm clamps to `ends`.

    `one_sided` where timm draws no sign.
    """

    operation: str
    start: float = 0.0
    slope: float = 0.0
    one_sided: bool = False
    ends: tuple[float, float] | None = None


_BITS, _THRESHOLD = (0.0, 8.0), (0.0, 256.0)
_ROWS: Mapping[str, _Row] = MappingProxyType(
    {
        "ShearX": _Row("shear-x", 0, 0.03),
        "ShearY": _Row("shear-y", 0, 0.03),
        "Rotate": _Row("rotate", 0, 3),
        "PosterizeIncreasing": _Row("posterize", 4.5, -0.4, ends=_BITS),
        "PosterizeOriginal": _Row("posterize", 3.5, 0.4, ends=_BITS),
        "Posterize": _Row("posterize", -0.5, 0.4, ends=_BITS),
        "SolarizeIncreasing": _Row("solarize", 256, -25.6, ends=_THRESHOLD),
        "Solarize": _Row("solarize", 0, 25.6, ends=_THRESHOLD),
        "SolarizeAdd": _Row("solarize-add", 0, 11, ends=(0, 128)),
        "AutoContrast": _Row("autocontrast"),
        "Equalize": _Row("equalize"),
        "Invert": _Row("invert"),
        "Desaturate": _Row("color", -0.5, -0.05, True, ends=(-1, -0.5)),
        "GaussianBlur": _Row("gaussian-blur", 0.1, 0.19, ends=(0.1, 2)),
        **{f"{name.capitalize()}Increasing": _Row(name, 0, 0.09) for name in ENHANCING},
        **{name.capitalize(): _Row(name, -0.9, 0.18, True) for name in ENHANCING},
    }
)


def read(text: str, name: str) -> tuple[Policy, list[str]]:
    """A policy, and in what it is not the same.

    Args:
        text: one of timm's config strings, or a file that `to_timm.write` wrote, of which nothing is run.
        name: what the text is called in complaints.

    Raises:
        UserError: it is neither, timm is needed and not installed, or no policy here can express it.
    """
    if "SUB_POLICIES" in text:
        return _of_file(text, name), []
    string = text.strip()
    if not _STRING.fullmatch(string):
        raise UserError(f"{name} is neither a config string, such as rand-m9-mstd0.5-inc1, nor an exported file")
    policy = _by_timm(string, name)
    return policy.model_copy(update={"name": string, "about": {"timm": string}}), [_FILLING, *_differences(policy)]


def _differences(policy: Policy) -> list[str]:
    """In what noisy and very low levels are not timm's."""
    steps = [one for sub in policy.sub_policies for step in set(sub.steps) for one in choices(step)]
    noisy = any(isinstance(step.magnitude, Normal) for step in steps)
    black = any(step.operation == "posterize" and _least(step.magnitude) < 0.5 for step in steps)
    return [*([_CUT] if noisy else []), *([_NO_BITS] if black else [])]


def _least(magnitude: Magnitude | None) -> float:
    if isinstance(magnitude, Normal):
        return magnitude.mean - _FAR * magnitude.std
    return min(magnitude.start, magnitude.stop) if isinstance(magnitude, Uniform) else magnitude or 0.0


def _by_timm(string: str, name: str) -> Policy:
    try:
        from timm.data.auto_augment import auto_augment_transform, rand_augment_transform
    except ModuleNotFoundError:
        raise UserError("timm is not installed, which reads its strings: pip install 'policysearch[timm]'") from None
    if string.startswith("augmix"):
        raise UserError(f"{name}: take the preset augmix instead, timm's has other operations")
    make: Callable[..., Any] = rand_augment_transform if string.startswith("rand") else auto_augment_transform
    try:
        transform = make(string, {})
    except (AssertionError, ValueError, KeyError) as error:
        raise UserError(f"{name}: timm does not know it ({str(error)[:80] or 'unknown section'})") from None
    return _policy(transform, name)


def _policy(transform: Any, name: str) -> Policy:
    if getattr(transform, "choice_weights", None) is not None:
        raise UserError(f"{name}: operations of unequal weight, drawn without repetition, are no policy here")
    if not hasattr(transform, "num_layers"):
        subs = (SubPolicy(steps=tuple(_step(one, name) for one in sub)) for sub in transform.policy)
        return Policy(sub_policies=tuple(subs))
    if transform.num_layers > _MOST_LAYERS:
        raise UserError(f"{name}: n may be {_MOST_LAYERS} at most, got {transform.num_layers}")
    choice = OneOf(one_of=tuple(_step(one, name) for one in transform.ops))
    return Policy(sub_policies=(SubPolicy(steps=(choice,) * transform.num_layers),))


def _step(theirs: Any, name: str) -> Step:
    """A step from one of timm's operation objects."""
    row = _translating(theirs) if theirs.name.startswith("Translate") else _ROWS.get(theirs.name)
    if row is None:
        raise UserError(f"{name}: no operation here does what timm's {theirs.name} does")
    probability = min(1.0, float(theirs.prob))
    if row.slope == 0:
        return Step(operation=row.operation, probability=probability)
    top, level, std = float(theirs.magnitude_max or 10), float(theirs.magnitude), float(theirs.magnitude_std)
    if isfinite(std) and level - _FAR * std >= top:
        std = 0.0  # Clamped to the top level in every draw.
    magnitude = _magnitude(row, min(level, top), std)
    try:
        return Step(operation=row.operation, probability=probability, magnitude=magnitude, signed=not row.one_sided)
    except ValidationError:
        raise UserError(f"{name}: {_too_strong(theirs.name, row, min(level, top))}") from None


def _too_strong(theirs: str, row: _Row, level: float) -> str:
    ours = operation(row.operation)
    low, high = (-ours.high if row.one_sided else ours.low), ours.high
    return (
        f"level {level:g} of {theirs} is {row.start + row.slope * level:g} ({ours.unit}), {row.operation} goes from "
        f"{low:g} to {high:g} here: take a lower level"
    )


def _translating(theirs: Any) -> _Row:
    """Beyond the whole side, or 4096 pixels, nothing is left to see."""
    axis = theirs.name[9].lower()
    if theirs.name.endswith("Rel"):
        return _Row(f"translate-{axis}", 0, theirs.hparams.get("translate_pct", 0.45) / 10, ends=(0, 1))
    return _Row(f"translate-{axis}-pixels", 0, theirs.hparams.get("translate_const", 250) / 10, ends=(0, 4096))


def _magnitude(row: _Row, level: float, std: float) -> float | Uniform | Normal:
    low, high = row.ends or (-inf, inf)

    def at(some_level: float) -> float:
        return min(max(round(row.start + row.slope * some_level, 12), low), high)

    if std == inf:
        return Uniform(start=at(0), stop=at(level))
    if std > 0:
        return Normal(mean=at(level), std=round(abs(row.slope) * std, 12))
    if row.operation == "posterize":
        return float(floor(at(level) + 0.5) if row.slope > 0 else ceil(at(level) - 0.5))
    return at(level)


def _of_file(text: str, name: str) -> Policy:
    data = literal(text, name, "SUB_POLICIES")
    try:
        subs = tuple(
            SubPolicy(steps=tuple(_written_step(step) for step in steps), weight=float(weight))
            for weight, steps in data
        )
        return Policy(sub_policies=subs)
    except ValidationError as error:
        raise UserError(f"{name}: {validation_message(error)}") from None
    except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise UserError(f"{name} is not what export writes ({type(error).__name__}: {str(error)[:80]})") from None


def _written_step(entry: Any) -> Step | OneOf:
    if isinstance(entry, list):
        return OneOf(one_of=tuple(map(_written, entry)))
    return _written(entry)


def _written(entry: Any) -> Step:
    theirs, probability, *rest = entry
    signed = theirs not in [name.capitalize() for name in ENHANCING]
    return Step(operation=OURS[theirs], probability=probability, magnitude=rest[0] if rest else None, signed=signed)
