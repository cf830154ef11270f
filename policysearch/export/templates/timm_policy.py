"""A policy of timm's own operations, with nearest interpolation and black where nothing is shown."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import PIL.Image
from timm.data.auto_augment import AugmentOp, posterize

from policysearch.export.templates.image_checks import check_mode, described
from policysearch.export.templates.random_choices import evenly_spaced
from policysearch.export.timm_names import LEVELS


def unchanged(image: PIL.Image.Image) -> PIL.Image.Image:
    return image


ROUNDING: Mapping[str, Callable[[float], float]] = {"TranslateX": int, "TranslateY": int, "Posterize": round}


def magnitudes(name: str, setting: Any) -> list[float]:
    """A magnitude, or those of which one is drawn: a number, or {start, stop, levels} (None: a fine grid)."""
    if not isinstance(setting, Mapping):
        values = [float(setting or 0)]
    elif "mean" in setting:
        return [setting["mean"]]
    else:
        values = evenly_spaced(setting["start"], setting["stop"], setting.get("levels") or 256)
    return [float(ROUNDING[name](value)) for value in values] if name in ROUNDING else values


def posterized(image: PIL.Image.Image, bits: int, **settings: Any) -> PIL.Image.Image:
    """timm's posterize, and black where no bit is kept, which Pillow refuses from version 13 on."""
    return posterize(image, bits, **settings) if bits > 0 else image.point([0] * 256 * len(image.getbands()))


def operations(name: str, probability: float, setting: Any = None) -> Sequence[Callable[[Any], Any]]:
    """timm's operations of one name, one for each magnitude that may be drawn."""
    if name == "Identity":
        return [unchanged]
    shift, slope = LEVELS[name]
    std = setting["std"] * slope if isinstance(setting, Mapping) and "std" in setting else 0
    settings = {
        "interpolation": PIL.Image.Resampling.NEAREST,
        "img_mean": 0,
        "magnitude_max": 1e9,
        "magnitude_std": std,
        "translate_pct": 1.0,
        "translate_const": 10,
    }
    steps = [AugmentOp(name, probability, (m + shift) * slope, settings) for m in magnitudes(name, setting)]
    for step in steps if name == "Posterize" else []:
        step.aug_fn = posterized
    return steps


class TimmPolicy:
    """(PIL image, L or RGB) -> PIL image, seeded by Python's `random`.

    `sub_policies`: (weight, steps); a step is (timm's name, probability, magnitude) or a list of which one is drawn.

    Raises:
        TypeError: the image is no PIL image in mode L or RGB.
    """

    def __init__(self, sub_policies: Sequence[tuple[float, Sequence[Any]]]) -> None:
        self.weights = [weight for weight, _ in sub_policies]
        self.sub_policies = [
            [[operations(*one) for one in (step if isinstance(step, list) else [step])] for step in steps]
            for _, steps in sub_policies
        ]

    def __call__(self, image: PIL.Image.Image) -> PIL.Image.Image:
        if not isinstance(image, PIL.Image.Image):
            advice = "PIL.Image.fromarray of uint8 [H, W, C], or torchvision's to_pil_image, makes one"
            raise TypeError(f"images must be PIL images in mode L or RGB, got {described(image)}: {advice}")
        check_mode(image)
        (steps,) = random.choices(self.sub_policies, self.weights)
        for step in steps:
            image = random.choice(random.choice(step))(image)
        return image
