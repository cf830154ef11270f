"""A policy of timm's own operations, with nearest interpolation and black where nothing is shown."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import PIL.Image
from timm.data.auto_augment import AugmentOp

from policysearch.export.timm_names import LEVELS


def unchanged(image: PIL.Image.Image) -> PIL.Image.Image:
    return image


def magnitudes(name: str, given: Any) -> Sequence[float]:
    """A magnitude, or those of which one is drawn: a number, or {start, stop, levels} (None: a fine grid)."""
    if not isinstance(given, Mapping) or "mean" in given:
        value = given["mean"] if isinstance(given, Mapping) else float(given or 0)
        values = [value]
    else:
        last = (given.get("levels") or 256) - 1
        values = [given["start"] + (given["stop"] - given["start"]) * i / last for i in range(last + 1)]
    return [float(int(value)) for value in values] if name in ("TranslateX", "TranslateY") else values


def operations(name: str, probability: float, given: Any = None) -> list[Callable[[Any], Any]]:
    """timm's operations of one name, one for each magnitude that may be drawn."""
    if name == "Identity":
        return [unchanged]
    shift, slope = LEVELS[name]
    std = given["std"] * slope if isinstance(given, Mapping) and "std" in given else 0
    settings = {
        "interpolation": PIL.Image.Resampling.NEAREST,
        "img_mean": 0,
        "magnitude_max": 1e9,
        "magnitude_std": std,
        "translate_pct": 1.0,
        "translate_const": 10,
    }
    return [AugmentOp(name, probability, (m + shift) * slope, settings) for m in magnitudes(name, given)]


class TimmPolicy:
    """(PIL image) -> PIL image, seeded by Python's `random`.

    `sub_policies`: (weight, steps); a step is (timm's name, probability, magnitude) or a list of which one is drawn.
    """

    def __init__(self, sub_policies: Sequence[tuple[float, Sequence[Any]]]) -> None:
        self.weights = [weight for weight, _ in sub_policies]
        self.sub_policies = [
            [[operations(*one) for one in (step if isinstance(step, list) else [step])] for step in steps]
            for _, steps in sub_policies
        ]

    def __call__(self, image: PIL.Image.Image) -> PIL.Image.Image:
        (steps,) = random.choices(self.sub_policies, self.weights)
        for step in steps:
            image = random.choice(random.choice(step))(image)
        return image
