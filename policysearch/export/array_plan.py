"""Policies as code over arrays: what the exports to JAX and to Keras share.

Their kernels are written once, over a namespace `xp` that NumPy, JAX and Keras all have (`templates.array_library`).
"""

from __future__ import annotations

import linecache
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from policysearch.export.bundle import assemble
from policysearch.export.codegen import Call, Name, rendered
from policysearch.export.lossy import in_strings, own_operation, replaced, without_masks, without_network
from policysearch.export.torchvision_plan import Plan
from policysearch.policy.classes import differs_by_class, unmeasured, without_unmeasured
from policysearch.policy.losses import parse_loss
from policysearch.policy.mixes import Mix, mix_row
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Normal, Step, Uniform, choices

_TEMPLATES = "policysearch.export.templates"
_MODULES = tuple(f"{_TEMPLATES}.{name}" for name in ("array_policy", "array_soft", "array_pixels", "array_steps"))
_OF_LINES = ("line-", "hide-character")
_RULES = {
    "color": "color_left",
    "grayscale": "gray_left",
    "sharpness": "sharpness_left",
    "gaussian-blur": "blur_left",
    "noise": "noise_left",
}
_SNAPMIX = "SnapMix needs the network's activation maps, which a transform of batches does not have: it is left out"
_UNMEASURED = "the confusion by which targets are spread has not been measured: they are spread evenly"
_STAGE_SOFTENING = "the file has one softening curve for the whole training: that of later stages is left out"
_DEVIATIONS = 5.5
"""Beyond which float32 draws nothing from a normal distribution."""


@dataclass(frozen=True)
class ArrayLibrary:
    """A library of arrays that policies are written for.

    Attributes:
        name: as users call it.
        root: the template that the file begins with, by its last name.
        arrays: the template that says in this library what kernels need.
    """

    name: str
    root: str
    arrays: str


def expressible(policy: Policy, library: str) -> tuple[Policy, list[str]]:
    """The policy as far as code over arrays can express it, and what is lost.

    Args:
        policy: to be written.
        library: as it is called in the reasons.
    """
    of_images, behind = without_masks(policy, library)
    even, networks = without_network(of_images)
    expressed, missing = replaced(even, lambda step: own_operation(step, library) or _why_not(step, library))
    losses = [*behind, *missing, *networks]
    if expressed.pair is not None:
        losses.append(
            f"the file for {library} gives one view of an image: two, and a weight for the pair, are left out"
        )
    if differs_by_class(expressed):
        losses.append(f"the file for {library} augments all classes as those that share the policy")
    mixes = [expressed.mix, *(stage.mix for stage in expressed.stages)]
    losses += dict.fromkeys(filter(None, map(_why_not_mixed, mixes)))
    if any(stage.softening for stage in expressed.stages):
        losses.append(_STAGE_SOFTENING)
    if unmeasured(expressed):
        losses.append(_UNMEASURED)
    loss = parse_loss(policy.about.get("loss"))
    if loss:
        losses.append(f"the loss it was found with ({loss.label}) is no part of the file for {library}")
    return (_bare(expressed) if losses else policy), losses


def _bare(policy: Policy) -> Policy:
    """The policy without what `expressible` has refused."""
    stages = tuple(
        stage.model_copy(update={"classes": None, "softening": None, "mix": _mix_left(stage.mix)})
        for stage in policy.stages
    )
    parts: dict[str, Any] = {"classes": {}, "pair": None, "stages": stages, "mix": _mix_left(policy.mix)}
    return without_unmeasured(policy.model_copy(update=parts))


def _why_not(step: Step, library: str) -> str | None:
    return f"{step.operation}, of lines of text, is not written for {library}" if _of_lines(step.operation) else None


def _of_lines(operation: str) -> bool:
    return operation.startswith(_OF_LINES)


def _why_not_mixed(mix: Mix | None) -> str | None:
    """Why a mix is not written; None where it is, or there is none."""
    if mix is None:
        return None
    row = mix_row(mix.operation)
    return _SNAPMIX if row.needs_maps else in_strings(mix.operation) if row.needs_texts else None


def _mix_left(mix: Mix | None) -> Mix | None:
    return None if _why_not_mixed(mix) else mix


@dataclass(frozen=True)
class ArrayPlan:
    """The parts of a policy as expressions over the names of the templates."""

    policy: Policy

    @property
    def _plan(self) -> Plan:
        return Plan(self.policy)

    @property
    def is_soft(self) -> bool:
        """Whether targets are softened or images mixed."""
        return self.policy.softening is not None or any(mix for _, mix in self._plan.mixes)

    @property
    def mixture(self) -> tuple[int, float] | None:
        mixture = self.policy.mixture
        return None if mixture is None else (mixture.width, mixture.alpha)

    def constants(self, soft: bool) -> list[str]:
        """Assignments that say the policy, with `soft` its softening and its mixes too."""
        stages = self._plan.stages
        lines = [_assignment("POLICY", stages[0][1])]
        later = [(start, subs) for start, subs in stages[1:]]
        lines.append(_assignment("TABLE", Call("Table", [[(0.0, Name("POLICY")), *later]])))
        lines.append(_assignment("MIXTURE", self.mixture))
        if soft:
            softening = self._plan.softening
            call = None if softening is None else Call("Softening", softening.arguments, softening.named)
            mixes = [mix for _, mix in self._plan.mixes]
            lines += [_assignment("SOFTENING", call), _assignment("MIXES", mixes)]
        return lines

    def definitions(self) -> dict[str, str]:
        """Assignments in place of the templates' constants, which hold all operations."""
        names = self._plan.operations()
        kinds = {name: OPERATIONS[name].kind for name in names}
        sets = {
            "MATRICES": [name for name, kind in kinds.items() if kind in ("move", "matrix")],
            "CROPS": [name for name, kind in kinds.items() if kind == "crop"],
            "HIDING": [name for name, kind in kinds.items() if kind == "mask"],
        }
        texts = {name: _typed(name, "frozenset[Operation]", _set(members)) for name, members in sets.items()}
        rules = {_function(name): Name(_rule(name)) for name in names if _rule(name)}
        texts["KEPT"] = _typed("KEPT", "dict[Operation, Callable[[Array, Array, Array], Array]]", rules)
        texts["BLUR_REACH"] = _assignment("BLUR_REACH", _blur_reach(self.policy)) + "  # pixels, at most"
        return texts

    def written(self, library: ArrayLibrary, head: str, tail: Sequence[str], soft: bool) -> str:
        """The text of the file.

        Args:
            library: what it is written for.
            head: its docstring.
            tail: its own functions or classes, after the policy's constants.
            soft: whether they name softening and mixes.
        """
        places = {f"{_TEMPLATES}.array_library": f"{_TEMPLATES}.{library.arrays}"}
        parts = [*self.constants(soft), *tail]
        return assemble(f"{_TEMPLATES}.{library.root}", self.definitions(), head, parts, _MODULES, places)


def _assignment(name: str, value: object) -> str:
    return f"{name} = {rendered(value, used=len(name) + 3)}"


def _typed(name: str, kind: str, value: object) -> str:
    return _assignment(f"{name}: {kind}", value)


def _set(names: Sequence[str]) -> Call:
    return Call("frozenset", [[_function(name) for name in names]] if names else [])


def _function(name: str) -> Name:
    return Name(name.replace("-", "_"))


def _rule(name: str) -> str:
    """The template's function for the share that an operation other than geometry and masks keeps; empty: all."""
    return "information" if OPERATIONS[name].visibility == "information" else _RULES.get(name, "")


def _blur_reach(policy: Policy) -> int:
    """How many pixels to either side a blur of the policy may reach: three times its largest sigma."""
    subs = [*policy.sub_policies, *(sub for stage in policy.stages for sub in stage.sub_policies)]
    steps = [choice for sub in subs for step in sub.steps for choice in choices(step)]
    sigmas = [_largest(step) for step in steps if step.operation == "gaussian-blur"]
    return math.ceil(3 * max(sigmas, default=0.0))


def _largest(step: Step) -> float:
    magnitude = step.magnitude
    if isinstance(magnitude, Uniform):
        return max(magnitude.start, magnitude.stop)
    if isinstance(magnitude, Normal):
        return min(magnitude.mean + _DEVIATIONS * magnitude.std, step.range[1])
    return magnitude or 0.0


def executed(text: str, name: str) -> ModuleType:
    """The exported file's text as a module, known under its name to what is pickled, and its lines to tracebacks."""
    module, file = ModuleType(name), f"<{name}>"
    sys.modules[name] = module
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), module.__dict__)
    return module
