"""Space files: read and checked.

A space file (TOML) holds `schema = 1`, `description`, optionally `max_arms` and `baselines`, and families.
A family has `parameters` (name -> list of choices) and either `preset`, a preset's name, or `policy`, a policy in
which "$name" stands for a parameter's value; and optionally `loss`, a table with `kind` and the fields of
`policysearch.policy.losses`, or the kind "none". A step may give `level` (of `levels`, 31 by default, on the
operation's `range`, "standard" or "wide") instead of a magnitude, or `preset` to take over a preset's steps.
A table `confusion`, as in `policysearch.policy.softening`, is that of all policies that spread targets by one and have
none of their own.
`repeat = n` copies the policy's sub-policies n times, each with its own parameters, suffixed _1 to _n.
`parts` are named pieces of the policy, and `{ part = "$name" }` stands for the one that a parameter chooses.
`keeps` lists the operations and mixes that keep the numbers of an image, which the task regression asks for.
`points` are assignments with a name, parameters that they leave out at their first choice; they are always arms.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from pathlib import Path

from pydantic import ValidationError

import search_spaces
from policysearch.core.errors import UserError, shortened, unknown_name
from policysearch.policy.families import Family
from policysearch.policy.presets import BASELINES, is_preset, preset
from policysearch.policy.spaces import Space, SpaceFile
from policysearch.policy.target_preservation import must_be_steps
from policysearch.policy.validation import validation_message

_LONGEST_NAME = 200


def load_space(spec: str, fixed: tuple[str, ...] = BASELINES) -> Space:
    """A space by name, or from a TOML file of one's own (`PATH.toml`).

    Args:
        spec: the name or the file.
        fixed: presets that are arms of it whatever it says.

    Raises:
        UserError: unknown name, unreadable file, unknown key, or a policy or loss not valid; the field is named.
    """
    source = f"space {spec!r}" if spec in search_spaces.names() else f"space file {spec!r}"
    return parse_space(Path(spec).stem, space_text(spec), source, fixed)


def space_text(spec: str) -> str:
    """The TOML text of a space by name, or of a file.

    Raises:
        UserError: unknown name or unreadable file.
    """
    if spec in search_spaces.names():
        return search_spaces.text(spec)
    if not spec.endswith(".toml"):
        error = unknown_name("space", spec, search_spaces.names())
        raise UserError(f"{error} A space of your own is given as PATH.toml.")
    try:
        return Path(spec).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read space file {spec!r}: {getattr(error, 'strerror', None) or error}") from None


def parse_space(name: str, text: str, source: str, fixed: tuple[str, ...] = BASELINES) -> Space:
    """A space from its TOML text.

    Args:
        name: what it is called.
        text: the content of its file.
        source: where it comes from, as complaints begin.
        fixed: as for `load_space`.

    Raises:
        UserError: as `load_space`.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of 5,000 digits, and lists nested without end
        raise UserError(f"{source} is not TOML: {shortened(str(error), 200)}") from None
    try:
        space = Space(name, SpaceFile.model_validate(values), fixed)
        _check_names(space)
        must_be_steps(space.keeps or ())
        _check_points(space)
        space.check()
        _check_used(space)
        space.arms(0)
    except ValidationError as error:
        raise UserError(f"{source}: {validation_message(error)}") from None
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    return space


def _check_names(space: Space) -> None:
    names = space.choices["family"]
    twice = {str(n) for n in names if names.count(n) > 1}
    if twice:
        raise UserError(
            f"family names must differ from each other and from the baselines; {', '.join(sorted(twice))} stands twice"
        )
    for family in space.file.family:
        _check_spelling(family)
        if (family.preset is None) == (family.policy is None):
            raise UserError(f"family {family.name!r} needs either `preset` or `policy`")
        for name, values in family.parameters.items():
            bad = [v for v in values if isinstance(v, float) and not math.isfinite(v)]
            if bad or len(set(values)) < len(values):  # 1 and 1.0 are equal: Optuna would take them for one
                raise UserError(f"choices of {family.name}.{name} must be finite and differ, got {values}")


def _check_spelling(family: Family) -> None:
    """Check names: parameters are written as `family.parameter`, and "$parameter" reads a word."""
    for name in family.points:
        if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise UserError(
                f"the name of a point is a line of 1 to {_LONGEST_NAME} printable characters, got {shortened(name)!r}"
            )
    if "." in family.name and family.parameters:
        raise UserError(f"the name of a family with parameters has no dot, got {family.name!r}")
    for name in family.parameters:
        if not re.fullmatch(r"\w+", name):
            raise UserError(
                f"the name of a parameter has letters, digits and underscores alone, got {shortened(name)!r}"
            )


def _check_points(space: Space) -> None:
    """Check that points are made of the family's choices, and are the presets whose names they have."""
    names = Counter([*space.families, *(point for family in space.file.family for point in family.points)])
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise UserError(f"points have names of their own, and another point or family is called {twice!r} too")
    for family in space.file.family:
        choices = {name.partition(".")[2]: values for name, values in family.choices().items()}
        for point, values in family.points.items():
            for name, value in values.items():
                if name not in choices:
                    raise UserError(f"point {point!r}: {unknown_name('parameter', name, choices)}")
                if value not in choices[name]:
                    raise UserError(f"point {point!r}: {name} must be one of {choices[name]}, got {value!r}")
    for name, arm in space.points.items():
        if is_preset(name) and (preset(name).hash != arm.policy.hash or arm.loss is not None):
            other = "its loss is not the recipe's" if arm.loss is not None else "its policy is another one"
            raise UserError(f"point {name!r} has a preset's name, and {other}")


def _check_used(space: Space) -> None:
    for family in space.file.family:
        unused = family.parameters.keys() - family.used
        if unused:
            name = min(unused)
            raise UserError(f"parameter {family.name}.{name} is not used: write ${name} where it belongs")
