"""A policy as expressions over the names of `policysearch.export.templates.torchvision_all`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policysearch.core.masks import IGNORE
from policysearch.export.codegen import Call, Name
from policysearch.export.lossy import is_for_masks
from policysearch.policy.class_parts import by_class_index
from policysearch.policy.classes import all_sub_policies
from policysearch.policy.mixes import Mix, mix_alpha
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.pairs import PAIR_WEIGHTS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import Magnitude, Normal, OneOf, SomeOf, Step, SubPolicy, Uniform, choices

_GEOMETRY = ("move", "matrix", "crop", "warp")
_VISIBILITY = {
    "color": "color_left",
    "grayscale": "gray_left",
    "sharpness": "sharpness_left",
    "gaussian-blur": "blur_left",
    "noise": "noise_left",
}
_MIXERS = {"mixup": "_mixup", "cutmix": "_cutmix", "sample-pairing": "_sample_pairing", "mosaic": "_mosaic"}


@dataclass(frozen=True)
class Plan:
    """The parts of a policy as expressions."""

    policy: Policy

    @property
    def stages(self) -> list[tuple[float, list[Call]]]:
        """From which share of the training on, and the sub-policies."""
        later = [(stage.start, _sub_policies(stage.sub_policies)) for stage in self.policy.stages]
        return [(0.0, _sub_policies(self.policy.sub_policies)), *later]

    def transform(self, stages: Sequence[object]) -> Call:
        """The transform of images."""
        mixture = self.policy.mixture
        ignored = {"ignore": IGNORE} if self.has_masks else {}
        if mixture is None:
            return Call("PolicyTransform", stages, ignored)
        return Call("MixtureTransform", stages, {"width": mixture.width, "alpha": mixture.alpha, **ignored})

    @property
    def has_masks(self) -> bool:
        """Whether it is for training on images with masks."""
        return is_for_masks(self.policy)

    @property
    def mixes(self) -> list[tuple[float, Call | None]]:
        """From which share of the training on, and how the batch is mixed."""
        kind = "MaskMix" if self.has_masks else "Mix"
        later = ((stage.start, _mix(stage.mix, kind)) for stage in self.policy.stages)
        return [(0.0, _mix(self.policy.mix, kind)), *later]

    @property
    def softening(self) -> Call | None:
        """Targets and weights that follow from what is left of an image; None where they stay hard."""
        softening = self.policy.softening
        if softening is None:
            return None
        curves = [_curve(curve.k, curve.p_min, names) for curve, names in softening.curves()]
        kind = "Softening" if self.policy.mixture is None else "MixtureSoftening"
        named: dict[str, object] = {"normalise": True} if softening.normalise else {}
        if softening.confusion is not None:
            rows = {true: by_class_index(row) for true, row in by_class_index(softening.confusion).items()}
            named["confusion"] = {true: {k: _whole(n) for k, n in row.items()} for true, row in rows.items()}
        return Call(kind, [softening.mode, curves], named)

    @property
    def pair(self) -> Call | None:
        """What a pair of views counts; None where all count 1."""
        pair = self.policy.pair
        if pair is None:
            return None
        return Call("PairWeight", [pair.k, pair.p_min, PAIR_WEIGHTS[pair.weight].easy])

    def sets(self) -> dict[str, object]:
        """The operations used, by what they do; they replace the templates' constants, which hold all operations."""
        kinds = {name: OPERATIONS[name].kind for name in self.operations()}
        geometry = [_function(name) for name, kind in kinds.items() if kind in _GEOMETRY]
        hiding = [_function(name) for name, kind in kinds.items() if kind == "mask"]
        rules = {name: _visibility(name) for name in kinds}
        visibility = {_function(name): Name(rule) for name, rule in rules.items() if rule}
        return {"GEOMETRY": _set(geometry), "HIDING": _set(hiding), "KEPT": visibility}

    def operations(self) -> list[str]:
        """Names of the operations used, sorted."""
        subs = all_sub_policies(self.policy)
        return sorted({choice.operation for sub in subs for step in sub.steps for choice in choices(step)})


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _visibility(name: str) -> str | None:
    """The template's function for the share that an operation other than geometry and masks keeps; None: all."""
    return "information" if OPERATIONS[name].visibility == "information" else _VISIBILITY.get(name)


def _set(names: list[Name]) -> Call:
    return Call("frozenset", [names] if names else [])


def _function(name: str) -> Name:
    return Name(name.replace("-", "_"))


def _sub_policies(subs: Sequence[SubPolicy]) -> list[Call]:
    return [_sub_policy(sub) for sub in subs]


def _sub_policy(sub: SubPolicy) -> Call:
    weight = [sub.weight] if sub.weight != 1 else []
    return Call("SubPolicy", [list(map(_step, sub.steps)), *weight])


def _step(step: Step | OneOf | SomeOf) -> Call:
    if isinstance(step, Step):
        return _one(step)
    parts = [_one(choice) for choice in choices(step)]
    return Call("OneOf", [parts]) if isinstance(step, OneOf) else Call("SomeOf", [parts, list(step.counts)])


def _one(step: Step) -> Call:
    row = OPERATIONS[step.operation]
    magnitude = [] if step.magnitude is None else [_magnitude(step.magnitude, *step.range)]
    named = {
        "probability": step.probability if step.probability != 1 else None,
        "signed": True if step.draws_sign and step.magnitude is not None else None,
        "numbers": row.numbers or None,
    }
    return Call("Step", [_function(step.operation), *magnitude], {n: v for n, v in named.items() if v is not None})


def _magnitude(magnitude: Magnitude, low: float, high: float) -> object:
    if isinstance(magnitude, Uniform):
        levels = [magnitude.levels] if magnitude.levels else []
        return Call("Uniform", [magnitude.start, magnitude.stop, *levels])
    if isinstance(magnitude, Normal):
        return Call("Normal", [magnitude.mean, magnitude.std, low, high])
    return float(magnitude)


def _mix(mix: Mix | None, kind: str) -> Call | None:
    return None if mix is None else Call(kind, [Name(_MIXERS[mix.operation]), mix.probability, mix_alpha(mix)])


def _curve(k: float, p_min: float | None, names: frozenset[str] | None) -> Call:
    arguments: list[object] = [k] if p_min is None and names is None else [k, p_min]
    return Call("Curve", [*arguments, *([] if names is None else [[_function(name) for name in sorted(names)]])])
