"""Spaces: finite sets of arms read from data files, and the same parameters as suggestions for Optuna.

A space file (TOML) holds `schema = 1`, `description`, optionally `max_arms` and `baselines`, and families.
A family has `parameters` (name -> list of choices) and either `preset`, a preset's name, or `policy`, a policy in
which "$name" stands for a parameter's value; and optionally `loss`, a table with `kind` and the fields of
`policysearch.policy.losses`, or the kind "none". A step may give `level` (of `levels`, 31 by default, on the
operation's `range`, "standard" or "wide") instead of a magnitude, or `preset` to take over a preset's steps.
A table `confusion`, as in `policysearch.policy.softening`, is that of all policies that spread targets by one and have
none of their own.
`repeat = n` copies the policy's sub-policies n times, each with its own parameters, suffixed _1 to _n.
`parts` are named pieces of the policy, and `{ part = "$name" }` stands for the one that a parameter chooses.
`points` are assignments with a name, parameters that they leave out at their first choice; they are always arms.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import search_spaces
from policysearch.core.errors import UserError, shortened, unknown_name
from policysearch.policy.assignments import drawn, every, size
from policysearch.policy.classes import with_confusion
from policysearch.policy.families import Family, Parameters, Value
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy
from policysearch.policy.presets import AFTER_FLIP, BASELINES, PRESETS, preset
from policysearch.policy.softening import Confusion
from policysearch.policy.suggestions import Suggester, suggested
from policysearch.policy.validation import validation_message

_EVERY_ARM_IS_CHECKED_UP_TO = 2000
_DRAWS = 100_000
"""Of assignments at most, for the arms of a larger space; one of up to so many assignments gives all of its arms."""


@dataclass(frozen=True)
class Arm:
    """One candidate: a policy, optionally a loss, and the full assignment of parameters that gives them."""

    parameters: Parameters
    policy: Policy
    loss: Loss | None = None

    @property
    def key(self) -> str:
        """The policy's hash, and the loss's after a "+" where there is one: by it pulls are tallied."""
        return f"{self.policy.hash}+{self.loss.hash}" if self.loss else self.policy.hash

    @property
    def name(self) -> str:
        """The policy's name, and the loss in short."""
        return f"{self.policy.name} + {self.loss.label}" if self.loss else self.policy.name


class _SpaceFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    description: str = ""
    max_arms: Annotated[int, Field(ge=2, le=10_000)] = 40
    baselines: list[str] = []
    family: list[Family] = []
    confusion: Confusion | None = None


@dataclass(frozen=True)
class Space:
    """A finite set of arms: the fixed baselines, and families of policies over parameters.

    Attributes:
        name: what it is called.
        file: its content.
        fixed: presets that are arms of every space of a task, see `Task.fixed`.
    """

    name: str
    file: _SpaceFile
    fixed: tuple[str, ...] = BASELINES

    @property
    def description(self) -> str:
        return self.file.description

    @property
    def baselines(self) -> list[str]:
        """Names of the presets among its arms: the task's first, then those that the file adds."""
        return [*self.fixed, *(name for name in self.file.baselines if name not in self.fixed)]

    @cached_property
    def families(self) -> dict[str, Family]:
        return {family.name: family for family in self.file.family}

    @cached_property
    def points(self) -> dict[str, Arm]:
        """The arms of assignments that have a name, which is their policy's name too."""
        arms: dict[str, Arm] = {}
        for family in self.file.family:
            for name, assignment in family.point_assignments().items():
                arm = self.arm(assignment)
                arms[name] = replace(arm, policy=arm.policy.model_copy(update={"name": name}))
        return arms

    @cached_property
    def choices(self) -> dict[str, list[Value]]:
        """Every parameter with its choices; `family` first."""
        out: dict[str, list[Value]] = {"family": [*self.baselines, *self.families]}
        for family in self.file.family:
            out |= family.choices()
        return out

    @property
    def may_call_classes(self) -> bool:
        """Whether a policy of its families may differ by class, or spread targets by confusion."""
        templates = [str((family.policy, family.parts, family.parameters)) for family in self.file.family]
        return any("classes" in text or "confusion" in text for text in templates)

    @cached_property
    def free(self) -> dict[str, Arm]:
        """The arms that cost no search, by name: the task's fixed policies, and the points that are presets."""
        points = {name: arm for name, arm in self.points.items() if _is_preset(name) and name not in self.baselines}
        return {**{name: self.arm({"family": name}) for name in self.fixed}, **points}

    @property
    def size(self) -> int:
        """Number of assignments, different or not in their policy."""
        return len(self.baselines) + size(self.file.family)

    def arm(self, parameters: Parameters) -> Arm:
        """The arm of a full assignment (`family` and that family's parameters).

        Raises:
            UserError: the assignment gives no valid policy, or no valid loss.
        """
        family = self.families.get(str(parameters["family"]))
        if family is None:
            return Arm(dict(parameters), preset(str(parameters["family"])))
        policy = family.build(parameters)
        if self.file.confusion is not None:
            policy = with_confusion(policy, self.file.confusion)
        return Arm(dict(parameters), policy, family.build_loss(parameters))

    def suggest(self, trial: Suggester, *, fixed: bool = True) -> Arm:
        """Let an Optuna trial choose every parameter. Evenly spaced numbers are suggested as stepped ones.

        Args:
            trial: is asked.
            fixed: whether the fixed policies are among the choices.
        """
        families = self.choices["family"] if fixed else [*self.families]
        parameters: dict[str, Value] = {"family": trial.suggest_categorical("family", families)}
        family = self.families.get(str(parameters["family"]))
        for name, values in (family.choices() if family else {}).items():
            parameters[name] = suggested(trial, name, values)
        return self.arm(parameters)

    def arms(self, seed: int) -> tuple[Arm, ...]:
        """The arms of a search: baselines, points, then the grid, sampled by `seed` beyond `max_arms`; none twice."""
        if seed not in self._arms_by_seed:
            self._arms_by_seed[seed] = self._drawn_arms(seed)
        return self._arms_by_seed[seed]

    @cached_property
    def _arms_by_seed(self) -> dict[int, tuple[Arm, ...]]:
        return {}

    def _drawn_arms(self, seed: int) -> tuple[Arm, ...]:
        baselines = {arm.key: arm for arm in (self.arm({"family": name}) for name in self.baselines)}
        for arm in self.points.values():
            baselines.setdefault(arm.key, arm)
        room = self.file.max_arms - len(baselines)
        rest: dict[str, Arm] = {}
        for arm in self._every_arm if self._is_small else self._sampled(seed):
            if arm.key not in baselines:
                rest.setdefault(arm.key, arm)
            if not self._is_small and len(rest) >= room:
                break

        keys = list(rest)
        if len(keys) > room:
            chosen = np.random.default_rng([seed, 7]).choice(len(keys), max(room, 0), replace=False)
            keys = [keys[i] for i in np.sort(chosen)]
        return (*baselines.values(), *(rest[key] for key in keys))

    @property
    def _is_small(self) -> bool:
        return self.size <= _EVERY_ARM_IS_CHECKED_UP_TO

    @cached_property
    def _every_arm(self) -> tuple[Arm, ...]:
        return tuple(self.arm(assignment) for assignment in every(self.file.family))

    def _sampled(self, seed: int) -> Iterator[Arm]:
        return map(self.arm, drawn(self.file.family, np.random.default_rng([seed, 7]), _DRAWS))

    def check(self) -> None:
        """Build every arm of a small space; in a large one every choice of every parameter, and some at random.

        Raises:
            UserError: some assignment gives no valid policy.
        """
        for _ in self.specimens():
            pass

    def specimens(self) -> Iterator[Arm]:
        """Arms of the families: all of a small space; of a large one every choice of every parameter, and some drawn.

        Raises:
            UserError: an assignment gives no valid policy.
        """
        if self._is_small:
            yield from self._every_arm
            return
        yield from map(self.arm, drawn(self.file.family, np.random.default_rng(0), 300))
        for family in self.file.family:
            names = family.choices()
            first = {name: values[0] for name, values in names.items()}
            for name, values in names.items():
                yield from (self.arm({"family": family.name, **first, name: value}) for value in values)


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
        space = Space(name, _SpaceFile.model_validate(values), fixed)
        _check_names(space)
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
        if (family.preset is None) == (family.policy is None):
            raise UserError(f"family {family.name!r} needs either `preset` or `policy`")
        for name, values in family.parameters.items():
            bad = [v for v in values if isinstance(v, float) and not math.isfinite(v)]
            if bad or len(set(values)) < len(values):  # 1 and 1.0 are equal: Optuna would take them for one
                raise UserError(f"choices of {family.name}.{name} must be finite and differ, got {values}")


def _check_points(space: Space) -> None:
    """Check that points are made of the family's choices, and are the presets whose names they have."""
    for family in space.file.family:
        choices = {name.partition(".")[2]: values for name, values in family.choices().items()}
        for point, values in family.points.items():
            for name, value in values.items():
                if name not in choices:
                    raise UserError(f"point {point!r}: {unknown_name('parameter', name, choices)}")
                if value not in choices[name]:
                    raise UserError(f"point {point!r}: {name} must be one of {choices[name]}, got {value!r}")
    for name, arm in space.points.items():
        if _is_preset(name) and preset(name) != arm.policy:
            raise UserError(f"point {name!r} has a preset's name, and its policy is another one")


def _is_preset(name: str) -> bool:
    return name.removeprefix(AFTER_FLIP).partition(":")[0] in PRESETS


def _check_used(space: Space) -> None:
    for family in space.file.family:
        unused = family.parameters.keys() - family.used
        if unused:
            name = min(unused)
            raise UserError(f"parameter {family.name}.{name} is not used: write ${name} where it belongs")
