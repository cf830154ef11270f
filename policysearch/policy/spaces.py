"""Spaces: finite sets of arms, and the same parameters as suggestions for Optuna."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from policysearch.policy.assignments import drawn, every, size
from policysearch.policy.classes import with_confusion
from policysearch.policy.families import Family, Parameters, Value
from policysearch.policy.losses import Loss
from policysearch.policy.policy import Policy
from policysearch.policy.presets import BASELINES, is_preset, preset
from policysearch.policy.softening import Confusion
from policysearch.policy.suggestions import Suggester, suggested

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


class SpaceFile(BaseModel):
    """The content of a space file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    description: str = ""
    max_arms: Annotated[int, Field(ge=2, le=10_000)] = 40
    baselines: list[str] = []
    family: list[Family] = []
    confusion: Confusion | None = None
    keeps: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Space:
    """A finite set of arms: the fixed baselines, and families of policies over parameters.

    Attributes:
        name: what it is called.
        file: its content.
        fixed: presets that are arms of every space of a task, see `Task.fixed`.
    """

    name: str
    file: SpaceFile
    fixed: tuple[str, ...] = BASELINES

    @property
    def description(self) -> str:
        return self.file.description

    @property
    def keeps(self) -> tuple[str, ...] | None:
        """The operations and mixes that keep the numbers of an image, for the task regression; None: not said."""
        return self.file.keeps

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
        points = {name: arm for name, arm in self.points.items() if is_preset(name) and name not in self.baselines}
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
        self.specimens()

    def specimens(self) -> tuple[Arm, ...]:
        """Arms of the families: all of a small space; of a large one every choice of every parameter, and some drawn.

        Raises:
            UserError: an assignment gives no valid policy.
        """
        return self._every_arm if self._is_small else self._spread

    @cached_property
    def _spread(self) -> tuple[Arm, ...]:
        assignments = list(drawn(self.file.family, np.random.default_rng(0), 300))
        for family in self.file.family:
            names = family.choices()
            first = {name: values[0] for name, values in names.items()}
            for name, values in names.items():
                assignments += [{"family": family.name, **first, name: value} for value in values]
        return tuple(map(self.arm, assignments))
