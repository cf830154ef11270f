"""A policy of kornia's own augmentations, with nearest interpolation, as a module of its `auto` kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import kornia.augmentation as K
import torch
from kornia.augmentation.auto.base import PolicyAugmentBase
from kornia.augmentation.auto.operations.base import OperationBase
from kornia.augmentation.auto.operations.policy import PolicySequential
from torch import nn


def identity(m: float, p: float) -> nn.Module:
    return K.RandomInvert(p=0.0)


def rotate(m: float, p: float) -> nn.Module:
    return K.RandomRotation((m, m), resample="nearest", p=p)


def shear_x(m: float, p: float) -> nn.Module:
    degrees = -math.degrees(math.atan(m))
    return K.RandomShear((degrees, degrees), resample="nearest", p=p)


def shear_y(m: float, p: float) -> nn.Module:
    degrees = -math.degrees(math.atan(m))
    return K.RandomShear((0.0, 0.0, degrees, degrees), resample="nearest", p=p)


def translate_x(m: float, p: float) -> nn.Module:
    return K.RandomTranslate((m, m), None, resample="nearest", p=p)


def translate_y(m: float, p: float) -> nn.Module:
    return K.RandomTranslate(None, (m, m), resample="nearest", p=p)


def jitter(p: float, **factor: tuple[float, float]) -> nn.Module:
    """One of ColorJitter's four, the others left alone; it counts as torchvision does."""
    alone = {"brightness": (1.0, 1.0), "contrast": (1.0, 1.0), "saturation": (1.0, 1.0), "hue": (0.0, 0.0)}
    return K.ColorJitter(**{**alone, **factor}, p=p)


def brightness(m: float, p: float) -> nn.Module:
    return jitter(p, brightness=(1 + m, 1 + m))


def contrast(m: float, p: float) -> nn.Module:
    return jitter(p, contrast=(1 + m, 1 + m))


def color(m: float, p: float) -> nn.Module:
    return jitter(p, saturation=(1 + m, 1 + m))


def hue(m: float, p: float) -> nn.Module:
    return K.RandomHue((m, m), p=p)


def sharpness(m: float, p: float) -> nn.Module:
    return K.RandomSharpness((1 + m, 1 + m), p=p)


def posterize(m: float, p: float) -> nn.Module:
    return K.RandomPosterize((float(round(m)), float(round(m))), p=p)


def solarize(m: float, p: float) -> nn.Module:
    threshold = min(1.0, max(0.0, (math.ceil(m) - 0.5) / 255))
    return K.RandomSolarize((threshold, threshold), additions=0.0, p=p if m <= 255 else 0.0)


def autocontrast(m: float, p: float) -> nn.Module:
    return K.RandomAutoContrast(p=p)


def equalize(m: float, p: float) -> nn.Module:
    return K.RandomEqualize(p=p)


def invert(m: float, p: float) -> nn.Module:
    return K.RandomInvert(p=p)


def grayscale(m: float, p: float) -> nn.Module:
    return K.RandomGrayscale(p=p)


def flip_horizontal(m: float, p: float) -> nn.Module:
    return K.RandomHorizontalFlip(p=p)


def flip_vertical(m: float, p: float) -> nn.Module:
    return K.RandomVerticalFlip(p=p)


def gaussian_blur(m: float, p: float) -> nn.Module:
    side = 2 * math.ceil(3 * m) + 1
    return K.RandomGaussianBlur((side, side), (m, m), p=p if m else 0.0)


def even(start: float, stop: float, levels: int) -> list[float]:
    """Evenly spaced magnitudes, both ends included."""
    return [start + (stop - start) * i / (levels - 1) for i in range(levels)]


def normal(mean: float, std: float, low: float, high: float) -> list[float]:
    """Fifteen magnitudes that stand for N(mean, std²) cut off at low and high, each alike."""
    quantiles = torch.special.ndtri((torch.arange(15, dtype=torch.float64) + 0.5) / 15)
    return (mean + std * quantiles).clamp(low, high).tolist()


def both(magnitudes: Sequence[float]) -> list[float]:
    """Magnitudes of both signs."""
    return [sign * m for m in magnitudes for sign in (1, -1)]


Entry = tuple[Callable[[float, float], nn.Module], float, Sequence[float]]


class KorniaPolicy(PolicyAugmentBase):
    """float [B, C, H, W] in [0, 1] -> the same; one sub-policy, magnitude and sign a BATCH, probabilities an image.

    `sub_policies`: (weight, steps); a step is a list of which one is drawn, of (operation, probability, magnitudes),
    of which one is drawn. Seeded by torch's global generator.
    """

    def __init__(self, sub_policies: Sequence[tuple[float, Sequence[Sequence[Entry]]]]) -> None:
        flat: list[tuple[Any, float, float]] = [(identity, 1.0, 0.0)]
        paths = []
        for _, steps in sub_policies:
            paths.append([[_added(flat, *entry) for entry in step] for step in steps])
        super().__init__([[entry] for entry in flat])
        self.paths = paths
        self.weights = [weight for weight, _ in sub_policies]

    def compose_subpolicy_sequential(self, subpolicy: Any) -> PolicySequential:
        return PolicySequential(*(OperationBase(operation(m, p)) for operation, p, m in subpolicy))

    def get_forward_sequence(self, params: Any = None) -> Iterator[tuple[str, nn.Module]]:
        if params is not None:
            return self.get_children_by_params(params)
        steps = self.paths[int(torch.multinomial(torch.tensor(self.weights), 1))]
        drawn = [_one(_one(step)) for step in steps]
        return self.get_children_by_indices(torch.tensor(drawn or [0]))


def _added(flat: list[Any], operation: Any, probability: float, magnitudes: Sequence[float]) -> list[int]:
    """The places of an entry's operations, one for each magnitude, put at the end."""
    first = len(flat)
    flat.extend((operation, probability, m) for m in magnitudes)
    return list(range(first, len(flat)))


def _one(values: Sequence[Any]) -> Any:
    return values[int(torch.randint(len(values), ()))]
