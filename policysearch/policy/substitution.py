"""Policy templates of space files: "$name" becomes a parameter's value, levels become magnitudes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from policysearch.core.errors import UserError
from policysearch.policy.operations import operation
from policysearch.policy.presets import WIDE_NAMES, any_level, preset

ANY_LEVEL = "any"
"""A level that is drawn for each image, evenly of 0 to 30, on TrivialAugment's wide ranges unless `range` says else."""


def filled(template: Any, values: Mapping[str, str | int | float]) -> Any:
    """The template with every "$name" replaced; a string that is nothing else takes the value's type."""
    if isinstance(template, dict):
        return {key: filled(item, values) for key, item in template.items()}
    if isinstance(template, list):
        return [filled(item, values) for item in template]
    if not isinstance(template, str):
        return template
    for name in re.findall(r"\$(\w+)", template):
        if name not in values:
            raise UserError(f"${name} is no parameter of this family; it has {', '.join(values) or 'none'}")
    if re.fullmatch(r"\$\w+", template):
        return values[template[1:]]
    return re.sub(r"\$(\w+)", lambda match: str(values[match[1]]), template)


def sub_policy(sub: Any) -> Any:
    """A filled sub-policy with the steps of presets taken over and every `level` turned into a magnitude."""
    if not isinstance(sub, dict) or not isinstance(sub.get("steps"), list):
        return sub
    return {**sub, "steps": [step for item in sub["steps"] for step in _steps(item)]}


def parts_of(policy: dict[str, Any]) -> dict[str, Any]:
    """A filled policy with the sub-policies of its stages and of its classes made like its own."""
    out = dict(policy)
    if isinstance(policy.get("stages"), list):
        out["stages"] = [_part(stage) for stage in policy["stages"]]
    return _classes(out)


def _classes(owner: dict[str, Any]) -> dict[str, Any]:
    classes = owner.get("classes")
    if not isinstance(classes, dict):
        return owner
    return {**owner, "classes": {key: _part(part) for key, part in classes.items()}}


def _part(part: Any) -> Any:
    """A filled stage, or what a class has of its own."""
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("sub_policies"), list):
        part = {**part, "sub_policies": [sub_policy(sub) for sub in part["sub_policies"]]}
    return _classes(part)


def _steps(item: Any) -> list[Any]:
    if isinstance(item, dict) and "preset" in item:
        return _steps_of_preset(item)
    if isinstance(item, dict) and "level" in item:
        return [_at_level(item)]
    for key in ("one_of", "some_of"):
        if isinstance(item, dict) and isinstance(item.get(key), list):
            return [{**item, key: [one for part in item[key] for one in _steps(part)]}]
    return [item]


def _steps_of_preset(step: dict[str, Any]) -> list[Any]:
    name = str(step["preset"])
    policy = preset(name)
    if len(step) > 1:
        raise UserError(f"a step that takes over preset {name!r} has no other keys, got {', '.join(step)}")
    if policy.softening or policy.pair or len(policy.sub_policies) > 1:
        raise UserError(
            f"preset {name!r} softens, weighs pairs or has several sub-policies, and cannot be taken over as steps"
        )
    return [part.model_dump() for part in policy.sub_policies[0].steps]


def _at_level(step: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in step.items() if key not in ("level", "levels", "range")}
    level, levels = step["level"], step.get("levels", 31)
    span = step.get("range", "wide" if level == ANY_LEVEL else "standard")
    if "magnitude" in step:
        raise UserError("a step has a magnitude or a level, not both")
    if span not in ("standard", "wide"):
        raise UserError(f'range must be "standard" or "wide", got {span!r}')
    if level == ANY_LEVEL:
        return {**rest, **_at_any_level(step, span == "wide")}
    whole = isinstance(levels, int) and levels >= 2 and isinstance(level, int | float)
    if not whole or not 0 <= level < levels:
        raise UserError(f'level must be a number from 0 to levels - 1 (levels {levels!r}) or "any", got {level!r}')
    row = operation(str(step.get("operation")))
    if span == "wide" and row.standard and not row.wide:
        raise UserError(f"{row.name} has no wide range (TrivialAugment's): leave `range` out, or give a magnitude")
    magnitude = row.magnitude_at(level, levels, span == "wide")
    return rest if magnitude is None else {**rest, "magnitude": magnitude}


def _at_any_level(step: dict[str, Any], wide: bool) -> dict[str, Any]:
    """Operation and magnitude of a step whose level is drawn for each image."""
    row = operation(str(step.get("operation")))
    if "levels" in step:
        raise UserError(f'level "{ANY_LEVEL}" is drawn of 0 to 30: leave `levels` out, got {step["levels"]!r}')
    spans = operation(WIDE_NAMES.get(row.name, row.name))
    if row.has_magnitude and not (spans.wide if wide else row.standard):
        raise UserError(
            f"{row.name} has no {'wide' if wide else 'standard'} range of which a level could be drawn: give "
            + ('range = "standard", or a magnitude' if wide and row.standard else "a magnitude")
        )
    return any_level(row.name, wide).model_dump(exclude_defaults=True)
