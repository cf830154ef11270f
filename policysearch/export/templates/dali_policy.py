"""A policy as a part of a pipeline of DALI, on the CPU or on the GPU."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from nvidia.dali import fn
from nvidia.dali import math as dali

from policysearch.export.templates.array_steps import Normal, SubPolicy, Uniform
from policysearch.export.templates.dali_operations import Node, number


def evenly() -> Node:
    """A number in [0, 1) for each image."""
    return fn.random.uniform(range=[0.0, 1.0])


def magnitude_of(step: Any) -> Node:
    """The magnitude of a step, drawn for each image, with its sign."""
    setting = step.magnitude
    if isinstance(setting, Uniform):
        share = dali.floor(evenly() * setting.levels) / (setting.levels - 1) if setting.levels else evenly()
        drawn = setting.start + (setting.stop - setting.start) * share
    elif isinstance(setting, Normal):
        drawn = dali.clamp(fn.random.normal(mean=setting.mean, stddev=setting.std), setting.low, setting.high)
    else:
        drawn = evenly() * 0 + setting
    return drawn * (1 - 2 * number(evenly() < 0.5)) if step.signed else drawn


def stepped(image: Node, slot: Any) -> Node:
    """One of the choices of a slot, with its probability."""
    choices = slot.choices
    choice, chance = dali.floor(evenly() * len(choices)), evenly()
    for place, step in enumerate(choices):
        if (choice == place) & (chance < step.probability):
            image = step.operation(
                image, magnitude_of(step), fn.random.uniform(range=[0.0, 1.0], shape=[step.numbers or 1])
            )
    return image


def augmented(image: Node, sub_policies: Sequence[SubPolicy]) -> Node:
    """uint8 RGB [H, W, C] by one sub-policy for each image, in a pipeline with `enable_conditionals=True`."""
    total, share = sum(sub.weight for sub in sub_policies), evenly()
    starts = [start / total for start in accumulate((sub.weight for sub in sub_policies), initial=0.0)]
    for place, sub in enumerate(sub_policies):
        end = starts[place + 1] if place + 1 < len(sub_policies) else 2.0
        if (share >= starts[place]) & (share < end):
            for slot in sub.slots:
                image = stepped(image, slot)
    return image
