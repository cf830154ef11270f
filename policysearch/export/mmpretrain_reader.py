"""Transforms of an MMPretrain config as sub-policies: choices and probabilities keep their meaning."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import product
from typing import Any

from pydantic import ValidationError

from policysearch.core.errors import UserError
from policysearch.export.autoaugment_lists import number
from policysearch.export.mmpretrain_readings import read_transform, side_of
from policysearch.export.mmpretrain_table import Node
from policysearch.policy.steps import OneOf, SomeOf, Step, SubPolicy, Uniform
from policysearch.policy.validation import validation_message

_PREPARATION = frozenset(
    {
        "LoadImageFromFile",
        "Resize",
        "ResizeEdge",
        "CenterCrop",
        "EfficientNetCenterCrop",
        "Pad",
        "Normalize",
        "ToTensor",
    }
    | {"PackInputs", "ImageToTensor", "Collect", "Transpose", "ToPIL", "ToNumpy", "NumpyToPIL", "PILToNumpy"}
)
_MOST, _MOST_NODES = 1000, 20_000
_COLLECTIONS = {"AutoAugment": "AUTOAUG_POLICIES", "RandAugment": "RANDAUG_POLICIES"}

AnyStep = Step | OneOf | SomeOf
Branch = tuple[float, tuple[AnyStep, ...]]
"""A share of the images, and the steps that they get."""


@dataclass
class ConfigReader:
    """Reads transforms, and collects what is lost and what should be known.

    Attributes:
        losses: what no policy here can express, once each.
        notes: what is not the same in a small way, once each.
        side: of the images in pixels, as the last transform that says it has it.
        count: transforms that were read.
    """

    losses: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    side: int | None = None
    count: int = 0

    def sub_policies(self, nodes: Any) -> list[SubPolicy]:
        """The sub-policies of a pipeline: of its choices, every combination."""
        return [SubPolicy(steps=steps, weight=share) for share, steps in self._sequence(nodes)]

    def _sequence(self, nodes: Any) -> list[Branch]:
        """Every combination of what several transforms in order may do."""
        parts = [self._branches(node) for node in ([nodes] if isinstance(nodes, dict) else nodes)]
        combinations = math.prod(map(len, parts))
        if combinations > _MOST:
            raise UserError(
                f"choices one after the other give {combinations:,} sub-policies, {_MOST:,} are the most that is read"
            )
        return _merged(
            (math.prod(share for share, _ in branches), tuple(step for _, steps in branches for step in steps))
            for branches in product(*parts)
        )

    def _branches(self, node: Any) -> list[Branch]:
        """What a transform may do."""
        self.count += 1
        if self.count > _MOST_NODES:
            raise UserError(f"it has more than {_MOST_NODES:,} transforms")
        if not isinstance(node, dict) or not isinstance(node.get("type"), str):
            raise UserError(f"a transform is dict(type=...), got {node!r:.60}")
        node = {**node, "type": node["type"].removeprefix("mmpretrain.").removeprefix("mmcls.")}
        self.side = side_of(node) or self.side
        read: dict[str, Callable[[Node], list[Branch]]] = {
            "RandomChoice": lambda node: self._choice(node["transforms"], node.get("prob")),
            "AutoAugment": lambda node: self._choice(self._collection(node), None),
            "RandomApply": self._sometimes,
            "RandAugment": self._rand_augment,
        }
        if node["type"] in read:
            return read[node["type"]](node)
        if node["type"] in _PREPARATION:
            return [(1.0, ())]
        step = self._step(node)
        return [(1.0, (step,))]

    def _choice(self, parts: Any, shares: Any) -> list[Branch]:
        """One of several sequences; a step where they are single steps and alike."""
        if not isinstance(parts, list | tuple) or not parts:
            raise UserError(f"a choice needs a list of transforms, got {parts!r:.60}")
        weights = [1 / len(parts)] * len(parts) if shares is None else [number(p, 0, 1, "prob") for p in shares]
        if len(weights) != len(parts) or not math.isclose(sum(weights), 1, abs_tol=1e-6):
            raise UserError(f"prob of RandomChoice must be {len(parts)} numbers that sum to 1, got {shares!r:.60}")
        branches = [self._sequence(part) for part in parts]
        singles = [_single(part) for part in branches]
        steps = tuple(step for step in singles if step is not None)
        if shares is None and len(steps) == len(parts):
            return [(1.0, (_of_levels(steps) or OneOf(one_of=steps),))]
        pairs = zip(weights, branches, strict=True)
        return _merged((weight * share, steps) for weight, part in pairs for share, steps in part)

    def _sometimes(self, node: Node) -> list[Branch]:
        """RandomApply: a sequence, or nothing."""
        p = number(node.get("prob", 0.5), 0, 1, "prob of RandomApply")
        branches = self._sequence(node["transforms"])
        step = _single(branches)
        if step is not None:
            return [(1.0, (step.model_copy(update={"probability": step.probability * p}),))]
        return _merged([*((share * p, steps) for share, steps in branches), (1 - p, ())])

    def _rand_augment(self, node: Node) -> list[Branch]:
        """Several of a list, drawn with repetition, all at one level."""
        layers = node.get("num_policies")
        if not isinstance(layers, int) or not 1 <= layers <= 100:
            raise UserError(f"num_policies of RandAugment must be from 1 to 100, got {layers!r:.40}")
        level = {
            "magnitude_level": node.get("magnitude_level"),
            "magnitude_std": node.get("magnitude_std", 0),
            "total_level": node.get("total_level", 10),
        }
        hparams = node.get("hparams", {"pad_val": 128})
        steps = []
        for part in self._collection(node):
            ranged = level if "magnitude_range" in part else {}
            step = self._step({**hparams, **part, **ranged})
            if isinstance(step, SomeOf):
                raise UserError("several colours at once in RandAugment are not read")
            steps.append(step)
        return [(1.0, (OneOf(one_of=tuple(steps)),) * layers)]

    @staticmethod
    def _collection(node: Node) -> Sequence[Any]:
        """The policies of AutoAugment or RandAugment: a list, or the name of one that MMPretrain has."""
        policies, kind = node.get("policies"), node["type"]
        if isinstance(policies, str):
            try:
                module = import_module("mmpretrain.datasets.transforms.auto_augment")
            except ImportError:
                raise UserError(
                    f"policies={policies!r:.40} of {kind} is MMPretrain's own, which is not installed: pip install "
                    "'policysearch[mmpretrain]', or write the list"
                ) from None
            collections = getattr(module, _COLLECTIONS[kind])
            if policies not in collections:
                raise UserError(f"MMPretrain's {kind} has no policies={policies!r:.40}")
            policies = collections[policies]
        if not isinstance(policies, list | tuple) or not policies:
            raise UserError(f"policies of {kind} must be a list, got {policies!r:.60}")
        return policies

    def _step(self, node: Node) -> Step | SomeOf:
        """The step of a transform; identity, and a loss, where no operation does what it does."""
        try:
            reading = read_transform(node, self.side)
        except ValidationError as error:
            self.losses[f"{node['type']:.60}: {validation_message(error)}"] = None
            return Step(operation="identity")
        except UserError as error:
            self.losses[str(error)] = None
            return Step(operation="identity")
        self.losses.update(dict.fromkeys(reading.losses))
        self.notes.update(dict.fromkeys(reading.notes))
        return reading.step


def _single(branches: list[Branch]) -> Step | None:
    """The step of branches that are nothing but one; nothing at all is identity."""
    if len(branches) != 1 or len(branches[0][1]) > 1:
        return None
    step = branches[0][1][0] if branches[0][1] else Step(operation="identity")
    return step if isinstance(step, Step) else None


def _merged(branches: Any) -> list[Branch]:
    """Branches of the same steps as one; those that are never taken are left out."""
    shares: dict[tuple[AnyStep, ...], float] = {}
    for share, steps in branches:
        if share:
            shares[steps] = shares.get(steps, 0.0) + share
    return [(share, steps) for steps, share in shares.items()]


def _of_levels(steps: Sequence[Step]) -> Step | None:
    """The step of one operation at evenly spaced magnitudes, as `export --to mmpretrain` writes it."""
    magnitudes = [step.magnitude for step in steps]
    first, last = magnitudes[0], magnitudes[-1]
    alike = {step.model_copy(update={"magnitude": first}) for step in steps}
    if len(steps) < 3 or len(alike) > 1 or not isinstance(first, float) or not isinstance(last, float):
        return None
    even = [first + (last - first) * i / (len(steps) - 1) for i in range(len(steps))]
    close = all(isinstance(m, float) and abs(m - e) < 1e-9 for m, e in zip(magnitudes, even, strict=True))
    if not close or first == last:
        return None
    return steps[0].model_copy(update={"magnitude": Uniform(start=first, stop=last, levels=len(steps))})
