"""timm's names of operations, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from policysearch.policy.steps import Step

ENHANCING = ("brightness", "color", "contrast", "sharpness")
THEIRS: Mapping[str, str] = MappingProxyType(
    {
        "identity": "Identity",
        "shear-x": "ShearX",
        "shear-y": "ShearY",
        "translate-x": "TranslateXRel",
        "translate-y": "TranslateYRel",
        "translate-x-pixels": "TranslateX",
        "translate-y-pixels": "TranslateY",
        "rotate": "Rotate",
        **{name: f"{name.capitalize()}Increasing" for name in ENHANCING},
        "posterize": "Posterize",
        "solarize": "Solarize",
        "solarize-add": "SolarizeAdd",
        "autocontrast": "AutoContrast",
        "equalize": "Equalize",
        "invert": "Invert",
        "grayscale": "Desaturate",
        "gaussian-blur": "GaussianBlur",
    }
)
"""Of operations whose sign is drawn, and of those that have none."""
OURS: Mapping[str, str] = MappingProxyType(
    {theirs: ours for ours, theirs in THEIRS.items()} | {name.capitalize(): name for name in ENHANCING}
)

LEVELS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "ShearX": (0.0, 10 / 0.3),
        "ShearY": (0.0, 10 / 0.3),
        "TranslateXRel": (0.0, 10.0),
        "TranslateYRel": (0.0, 10.0),
        "TranslateX": (0.0, 1.0),
        "TranslateY": (0.0, 1.0),
        "Rotate": (0.0, 1 / 3),
        "BrightnessIncreasing": (0.0, 10 / 0.9),
        "ColorIncreasing": (0.0, 10 / 0.9),
        "ContrastIncreasing": (0.0, 10 / 0.9),
        "SharpnessIncreasing": (0.0, 10 / 0.9),
        "Brightness": (0.9, 10 / 1.8),
        "Color": (0.9, 10 / 1.8),
        "Contrast": (0.9, 10 / 1.8),
        "Sharpness": (0.9, 10 / 1.8),
        "Posterize": (0.5, 2.5),
        "Solarize": (1 - 1e-6, 10 / 256),
        "SolarizeAdd": (1e-6, 10 / 110),
        "GaussianBlur": (-0.1, 10 / 1.9),
        "AutoContrast": (0.0, 0.0),
        "Equalize": (0.0, 0.0),
        "Invert": (0.0, 0.0),
        "Desaturate": (10.0, 1.0),
    }
)
"""By operation (shift, slope): timm's level of a magnitude m is (m + shift) · slope."""


def name_of(step: Step) -> str | None:
    """timm's operation for a step; None where it has none."""
    if step.signed or step.operation not in THEIRS:
        return THEIRS.get(step.operation)
    return step.operation.capitalize() if step.operation in ENHANCING else None
