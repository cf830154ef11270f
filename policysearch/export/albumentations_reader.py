"""Nodes of albumentations' transforms as sub-policies: choices and probabilities keep their meaning."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product

from pydantic import ValidationError

from policysearch.core.errors import UserError
from policysearch.export.albumentations_dialects import Dialect, Node
from policysearch.export.albumentations_readings import READERS, Span
from policysearch.export.albumentations_table import NEAREST, WHOLE, difference
from policysearch.export.autoaugment_lists import number
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.steps import OneOf, Step, SubPolicy, Uniform
from policysearch.policy.validation import validation_message

_EDGES = "edges and interpolation of the file are not kept: here what lies outside is black, neighbours are nearest"
_DEFAULT_P = "transforms without p are applied with probability 0.5, the library's default"
_GEOMETRIC = ("Rotate", "Affine", "ShiftScaleRotate")
_CONTAINERS = ("SomeOf", "RandomOrder", "OneOrOther", "ReplayCompose", "SelectiveChannelTransform")
_PREPARATION = ("Normalize", "ToTensorV2", "ToFloat", "FromFloat")
_MOST, _RARE = 1000, 0.01
_MOST_IN_ALL = 20_000

Branch = tuple[float, tuple[Step | OneOf, ...]]
"""A share of the images, and the steps that they get."""


@dataclass
class Reader:
    """Reads nodes of transforms, and collects what is lost and what should be known.

    Attributes:
        dialect: the library that the file was written by.
        allow_loss: whether combinations that are rare may be left out.
        losses: what no policy here can express, once each.
        notes: what is not the same in a small way, once each.
    """

    dialect: Dialect
    allow_loss: bool
    losses: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def sub_policies(self, whole: Node) -> list[SubPolicy]:
        """The sub-policies of a Compose: of its choices, every combination."""
        if _kind(whole) not in ("Compose", "Sequential"):
            raise UserError(f"a policy is a Compose, got {_kind(whole)!r:.80}")
        p, parts = self._probability(whole), whole["transforms"]
        if len(parts) == 1 and _kind(parts[0]) == "OneOf" and {*map(_kind, parts[0]["transforms"])} == {"Sequential"}:
            branches = self._with_chance(self._weighted(parts[0], self._probability(parts[0])), p)
        else:
            branches = self._with_chance(self._sequence(parts), p)
        return [SubPolicy(steps=steps, weight=share) for share, steps in branches]

    def _probability(self, node: Node) -> float:
        """A node's own p, as the library takes it where it is left out."""
        if node.get("always_apply") is True:  # albumentations 1
            return 1.0
        if "p" in node:
            return number(node["p"], 0, 1, f"p of {_kind(node)}")
        if _kind(node) == "Compose":
            return 1.0
        self.notes[_DEFAULT_P] = None
        return 0.5

    def _sequence(self, nodes: Iterable[Node]) -> list[Branch]:
        """Every combination of what several nodes in order may do."""
        parts = [self._branches(node, self._probability(node)) for node in nodes if not self._prepares(node)]
        combinations = math.prod(map(len, parts))
        if combinations > _MOST and self.allow_loss:
            self.losses[f"choices of less than {_RARE:.0%} are left out"] = None
            parts = [[branch for branch in branches if branch[0] >= _RARE] for branches in parts]
            combinations = math.prod(map(len, parts))
        if combinations > _MOST:
            raise UserError(
                f"choices of unequal weight one after the other give {combinations:,} sub-policies, {_MOST:,} are the "
                f"most that is read: --allow-loss leaves out choices of less than {_RARE:.0%}"
            )
        return merged(
            (math.prod(share for share, _ in branches), tuple(step for _, steps in branches for step in steps))
            for branches in product(*parts)
        )

    def _prepares(self, node: Node) -> bool:
        """Whether a node makes a tensor of the image, which is no augmentation."""
        if _kind(node) not in _PREPARATION:
            return False
        self.notes[f"{_kind(node)} is no augmentation: it is left to your own pipeline"] = None
        return True

    def _branches(self, node: Node, p: float) -> list[Branch]:
        """What a node may do that is applied with probability `p`."""
        if _kind(node) in ("Compose", "Sequential"):
            return self._with_chance(self._sequence(node["transforms"]), p)
        if _kind(node) == "OneOf":
            return self._one_of(node, p)
        return [(1.0, (self._step(node, p),))]

    @staticmethod
    def _with_chance(branches: list[Branch], p: float) -> list[Branch]:
        """Branches that are taken with probability `p`; a single step keeps that as its own."""
        if p == 1:
            return branches
        step = single(branches)
        if step is not None:
            return [(1.0, (less_often(step, p),))]
        return merged([*((share * p, steps) for share, steps in branches), (1 - p, ())])

    def _one_of(self, node: Node, p: float) -> list[Branch]:
        """A step where one is chosen evenly of single transforms, else a branch for each choice."""
        mirrored = self._mirrored(node, p)
        if mirrored is not None:
            return [(1.0, (mirrored,))]
        weights = self._weights(node)
        choices = [self._branches(part, 1.0) for part in node["transforms"]]
        singles = [single(branches) for branches in choices]
        steps = tuple(step for step in singles if step is not None)
        if max(weights) - min(weights) < 1e-9 and len(steps) == len(choices):
            return [(1.0, (OneOf(one_of=tuple(less_often(step, p) for step in steps)),))]
        return self._weighted(node, p)

    def _weighted(self, node: Node, p: float) -> list[Branch]:
        """A branch for each choice of a OneOf that is applied with probability `p`."""
        weights = self._weights(node)
        branches = [
            (weight / sum(weights) * share, steps)
            for weight, part in zip(weights, node["transforms"], strict=True)
            for share, steps in self._branches(part, 1.0)
        ]
        return self._with_chance(merged(branches), p)

    def _weights(self, node: Node) -> list[float]:
        """With what the transforms of a OneOf are chosen: their own p, which is no probability of them there."""
        weights = [self._probability(part) for part in node["transforms"]]
        if not sum(weights):
            raise UserError("the transforms of a OneOf need a p above 0, with which one of them is chosen")
        return weights

    def _mirrored(self, node: Node, p: float) -> Step | None:
        """The step of a OneOf of one transform with both signs."""
        parts = node["transforms"]
        if len(parts) != 2 or len({_kind(part) for part in parts}) > 1 or _kind(parts[0]) not in READERS:
            return None
        if self._probability(parts[0]) != self._probability(parts[1]):
            return None
        first, second = (self._step(part, p) for part in parts)
        if first.operation != second.operation or first.signed:
            return None
        low, high = _ends(first)
        return first.model_copy(update={"signed": True}) if _ends(second) == (-high, -low) else None

    def _step(self, node: Node, p: float) -> Step:
        """The step of a transform; identity, and a loss, where no operation does what it does."""
        kind = _kind(node)
        try:
            if kind in _CONTAINERS:
                raise UserError(f"{kind} is not read: of the choices OneOf and Sequential are")
            if kind not in READERS:
                raise UserError(f"no operation here does what {kind!r:.60} does")
            operation, span = READERS[kind](node, self.dialect)
            step = _step_of(operation, p, span)
        except ValidationError as error:
            self.losses[f"{kind}: {validation_message(error)}"] = None
            return Step(operation="identity")
        except UserError as error:
            self.losses[str(error)] = None
            return Step(operation="identity")
        other = difference(operation, self.dialect)
        if other:
            self.losses[other] = None
        if kind in _GEOMETRIC and any(node.get(key, -1) != value for key, value in NEAREST.items()):
            self.notes[_EDGES] = None
        return step


def _kind(node: Node) -> str:
    return str(node["__class_fullname__"])


def single(branches: list[Branch]) -> Step | None:
    """The step of branches that are nothing but one."""
    if len(branches) != 1 or len(branches[0][1]) != 1:
        return None
    (step,) = branches[0][1]
    return step if isinstance(step, Step) else None


def merged(branches: Iterable[Branch]) -> list[Branch]:
    """Branches of the same steps as one; those that are never taken are left out."""
    total: dict[tuple[Step | OneOf, ...], float] = {}
    for share, steps in branches:
        if share:
            total[steps] = total.get(steps, 0.0) + share
        if len(total) > _MOST_IN_ALL:
            raise UserError(f"it comes to more than {_MOST_IN_ALL:,} sub-policies")
    return [(share, steps) for steps, share in total.items()]


def less_often(step: Step, p: float) -> Step:
    """The step, applied in a share `p` of the cases in which it was."""
    return step.model_copy(update={"probability": step.probability * p})


def _ends(step: Step) -> Span:
    magnitude = step.magnitude
    if isinstance(magnitude, Uniform):
        return magnitude.start, magnitude.stop
    return (float(magnitude), float(magnitude)) if isinstance(magnitude, int | float) else (math.nan, math.nan)


def _step_of(operation: str, probability: float, span: Span | None) -> Step:
    """A step of a magnitude drawn evenly from an interval with its sign."""
    if span is None:
        return Step(operation=operation, probability=probability)
    low, high = span
    signed = OPERATIONS[operation].signed
    if operation in WHOLE and low < high:
        # Every whole number alike, 0 as often as each of the others.
        drawn = Uniform(start=low, stop=high, levels=int(high - low) + 1)
        return Step(operation=operation, probability=probability, magnitude=drawn, signed=not signed)
    if signed and low == -high and high > 0:
        return Step(operation=operation, probability=probability, magnitude=Uniform(start=0.0, stop=high))
    magnitude = low if low == high else Uniform(start=low, stop=high)
    return Step(operation=operation, probability=probability, magnitude=magnitude, signed=not signed)
