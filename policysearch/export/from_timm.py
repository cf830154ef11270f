"""timm's config strings, read by timm itself, and the files that `to_timm` writes, read as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, floor
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from policysearch.core.errors import UserError
from policysearch.export.autoaugment_lists import literal
from policysearch.export.timm_names import ENHANCING, OURS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Normal, OneOf, Step, SubPolicy, Uniform
from policysearch.policy.validation import validation_message

_STRING = re.compile(r"[a-z0-9]+(-[a-z]+[0-9.]*)*")
_NOTE = (
    "timm fills with grey and interpolates by bilinear or bicubic chance, here black and nearest; translations are "
    "whole pixels"
)
_CUT = "timm cuts noisy levels off at its own top level, here they are cut at the operation's range"


@dataclass(frozen=True)
class _Row:
    """Our operation, and our magnitude start + slope · level; `one_sided` where timm draws no sign."""

    operation: str
    start: float = 0.0
    slope: float = 0.0
    one_sided: bool = False


_ROWS: Mapping[str, _Row] = MappingProxyType(
    {
        "ShearX": _Row("shear-x", 0, 0.03),
        "ShearY": _Row("shear-y", 0, 0.03),
        "Rotate": _Row("rotate", 0, 3),
        "PosterizeIncreasing": _Row("posterize", 4.5, -0.4),
        "PosterizeOriginal": _Row("posterize", 3.5, 0.4),
        "Posterize": _Row("posterize", -0.5, 0.4),
        "SolarizeIncreasing": _Row("solarize", 256, -25.6),
        "Solarize": _Row("solarize", 0, 25.6),
        "SolarizeAdd": _Row("solarize-add", 0, 11),
        "AutoContrast": _Row("autocontrast"),
        "Equalize": _Row("equalize"),
        "Invert": _Row("invert"),
        "Desaturate": _Row("color", -0.5, -0.05, True),
        "GaussianBlur": _Row("gaussian-blur", 0.1, 0.19),
        **{f"{name.capitalize()}Increasing": _Row(name, 0, 0.09) for name in ENHANCING},
        **{name.capitalize(): _Row(name, -0.9, 0.18, True) for name in ENHANCING},
    }
)


def read(text: str, name: str) -> tuple[Policy, list[str]]:
    """The policy, and in what it is not the same.

    Raises:
        UserError: it is neither, timm is needed and not installed, or it says what no policy here can.
    """
    if "SUB_POLICIES" in text:
        return _of_file(text, name), []
    string = text.strip()
    if not _STRING.fullmatch(string):
        raise UserError(f"{name} is neither a config string, such as rand-m9-mstd0.5-inc1, nor an exported file")
    found = _by_timm(string, name)
    noisy = any(isinstance(one.magnitude, Normal) for sub in found.sub_policies for one in _parts(sub))
    return found.model_copy(update={"name": string, "about": {"timm": string}}), [_NOTE, *([_CUT] if noisy else [])]


def _parts(sub: SubPolicy) -> list[Step]:
    parts = [one for step in sub.steps for one in (step.one_of if isinstance(step, OneOf) else (step,))]
    return [part for part in parts if isinstance(part, Step)]


def _by_timm(string: str, name: str) -> Policy:
    try:
        from timm.data.auto_augment import auto_augment_transform, rand_augment_transform
    except ModuleNotFoundError:
        raise UserError("timm is not installed, which reads its strings: pip install 'policysearch[timm]'") from None
    if string.startswith("augmix"):
        raise UserError(f"{name}: take the preset augmix instead, timm's has other operations")
    make: Callable[..., Any] = rand_augment_transform if string.startswith("rand") else auto_augment_transform
    try:
        made = make(string, {})
    except (AssertionError, ValueError, KeyError) as error:
        raise UserError(f"{name}: timm does not know it ({str(error)[:80] or 'unknown section'})") from None
    return _policy(made, name)


def _policy(made: Any, name: str) -> Policy:
    if getattr(made, "choice_weights", None) is not None:
        raise UserError(f"{name}: operations of unequal weight, drawn without repetition, are no policy here")
    if hasattr(made, "num_layers"):
        choice = OneOf(one_of=tuple(_step(operation, name) for operation in made.ops))
        return Policy(sub_policies=(SubPolicy(steps=(choice,) * made.num_layers),))
    subs = (SubPolicy(steps=tuple(_step(operation, name) for operation in sub)) for sub in made.policy)
    return Policy(sub_policies=tuple(subs))


def _step(made: Any, name: str) -> Step:
    """A step from one of timm's operation objects."""
    row = _translating(made) if made.name.startswith("Translate") else _ROWS.get(made.name)
    if row is None:
        raise UserError(f"{name}: no operation here does what timm's {made.name} does")
    probability = min(1.0, float(made.prob))
    if row.slope == 0:
        return Step(operation=row.operation, probability=probability)
    magnitude = _magnitude(row, float(min(made.magnitude, made.magnitude_max or 10)), float(made.magnitude_std))
    try:
        return Step(operation=row.operation, probability=probability, magnitude=magnitude, signed=not row.one_sided)
    except ValidationError as error:
        raise UserError(f"{name}: {made.name}: {validation_message(error)}") from None


def _translating(made: Any) -> _Row:
    axis = made.name[9].lower()
    if made.name.endswith("Rel"):
        return _Row(f"translate-{axis}", 0, made.hparams.get("translate_pct", 0.45) / 10)
    return _Row(f"translate-{axis}-pixels", 0, made.hparams.get("translate_const", 250) / 10)


def _magnitude(row: _Row, level: float, std: float) -> float | Uniform | Normal:
    at = round(row.start + row.slope * level, 12)
    if std == 0:
        return at if row.operation != "posterize" else float(floor(at + 0.5) if row.slope > 0 else ceil(at - 0.5))
    if std == float("inf"):
        least = -1.0 if row.one_sided else 0.0
        return Uniform(start=max(least, row.start), stop=max(least, at))
    return Normal(mean=at, std=round(abs(row.slope) * std, 12))


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
    operation = OURS[theirs]
    signed = theirs not in [name.capitalize() for name in ENHANCING]
    return Step(operation=operation, probability=probability, magnitude=rest[0] if rest else None, signed=signed)
