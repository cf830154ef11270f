"""Targets and weights that go with the images: softened by what can still be seen, and mixed with the batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import PIL.Image
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as TF

from policysearch.augmentation.kernels.filters import _blur_left, _colour_left, _gray_left, _noise_left, _sharpness_left
from policysearch.augmentation.mixing import _cutmix, _mixup, _mosaic, _sample_pairing, shared
from policysearch.augmentation.sampling import MixDraw, mix_draw
from policysearch.augmentation.soft_targets import confidence, shares, soften
from policysearch.export.templates.label_checks import class_of
from policysearch.export.templates.torchvision_operations import (
    autocontrast,
    brightness,
    color,
    contrast,
    equalize,
    gaussian_blur,
    grayscale,
    invert,
    noise,
    posterize,
    sharpness,
    solarize,
    solarize_add,
)
from policysearch.export.templates.torchvision_policy import GEOMETRY, HIDING, Drawn, Operation, applied


def entropy(image: Tensor) -> Tensor:
    """[C, H, W] uint8 -> [] bits, summed over channels."""
    counts = torch.stack([channel.flatten().bincount(minlength=256) for channel in image])
    share = counts / counts.sum(1, keepdim=True)
    return -(share * share.clamp(min=1e-12).log2()).sum()


def information(before: Tensor, after: Tensor, magnitude: Tensor) -> Tensor:
    """The share of the grey values' entropy that is left; 1 for a flat image."""
    all_of_it = entropy(before)
    return (entropy(after) / all_of_it).clamp(0, 1) if all_of_it > 0 else torch.ones(())


def color_left(before: Tensor, after: Tensor, magnitude: Tensor) -> Tensor:
    return _colour_left(before[None], magnitude[None])[0]


def gray_left(before: Tensor, after: Tensor, magnitude: Tensor) -> Tensor:
    return _gray_left(before[None], magnitude[None])[0]


def sharpness_left(before: Tensor, after: Tensor, magnitude: Tensor) -> Tensor:
    return _sharpness_left(before[None], magnitude[None])[0]


def blur_left(before: Tensor, after: Tensor, magnitude: Tensor) -> Tensor:
    return _blur_left(before[None], magnitude[None])[0]


def noise_left(before: Tensor, after: Tensor, magnitude: Tensor) -> Tensor:
    return _noise_left(before[None], magnitude[None])[0]


KEPT: dict[Operation, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    autocontrast: information,
    brightness: information,
    contrast: information,
    equalize: information,
    invert: information,
    posterize: information,
    solarize: information,
    solarize_add: information,
    color: color_left,
    grayscale: gray_left,
    sharpness: sharpness_left,
    gaussian_blur: blur_left,
    noise: noise_left,
}


def visibility(image: Tensor, steps: Sequence[Drawn]) -> Tensor:
    """[] in [0, 1]: the share of the pixels of `image` [C, H, W] still there, times what the other steps keep."""
    height, width = image.shape[-2:]
    places = tv_tensors.Mask(torch.arange(1.0, height * width + 1).view(1, height, width))
    share = torch.ones(())
    for step in steps:
        before, image = image, applied(image, [step])
        if step.operation in GEOMETRY:
            places = step.on(places)
        elif step.operation in HIDING:
            places = tv_tensors.Mask(places.masked_fill(step.on(before), 0))
        elif step.operation in KEPT:
            share = share * KEPT[step.operation](before, image, step.magnitude)
    return share * (places.unique() > 0).sum() / (height * width)


@dataclass(frozen=True)
class Curve:
    """confidence = 1 - (1 - p_min)·(1 - v)^k for the visibility v that `operations` leave (None: all others).

    `p_min` None is 1/classes.
    """

    k: float
    p_min: float | None = None
    operations: Collection[Operation] | None = None


@dataclass(frozen=True)
class Softening:
    """Soft Augmentation (Liu et al. 2023): what an image's target, weight or both lose with its visibility.

    `mode`: target, weight or both. `normalise` divides the weights by their mean over the batch. `confusion`: how
    often images of a class, the outer key, were taken for another; what a target loses goes there (None: evenly).
    """

    mode: str
    curves: Sequence[Curve]
    normalise: bool = False
    confusion: Mapping[int, Mapping[int, float]] | None = None

    def confidence(self, image: Tensor, drawn: Any, num_classes: int) -> Tensor:
        """[] in [0, 1]: the product over the curves, not below the least p_min."""
        separate = frozenset().union(*(curve.operations or () for curve in self.curves))
        floors = [1 / num_classes if curve.p_min is None else curve.p_min for curve in self.curves]
        out = torch.ones(())
        for curve, floor in zip(self.curves, floors, strict=True):
            if floor < 1:
                out = out * confidence(self._seen(image, drawn, curve.operations, separate), curve.k, floor)
        return out.clamp(min=min(floors))

    def _seen(
        self, image: Tensor, drawn: Any, chosen: Collection[Operation] | None, separate: Collection[Any]
    ) -> Tensor:
        """What the operations of a curve leave to see; of the curve for all others, what those not `separate` leave."""
        if chosen is None:
            return visibility(image, [step for step in drawn if step.operation not in separate])
        return visibility(image, [step for step in drawn if step.operation in chosen])


@dataclass(frozen=True)
class MixtureSoftening(Softening):
    """The same for means of several draws, whose visibility is the mean of theirs, the image's own being 1."""

    def _seen(
        self, image: Tensor, drawn: Any, chosen: Collection[Operation] | None, separate: Collection[Any]
    ) -> Tensor:
        of_chains = [super(MixtureSoftening, self)._seen(image, chain, chosen, separate) for chain in drawn.chains]
        return (drawn.shares * torch.stack([torch.ones(()), *of_chains])).sum().clamp(max=1)


@dataclass(frozen=True)
class Mix:
    """A mix of the images of a batch, in which an image takes part with `probability`."""

    mixer: Callable[[Tensor, MixDraw, None], tuple[Tensor, Tensor, Tensor]]
    probability: float
    alpha: float

    def __call__(self, images: Tensor, targets: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """uint8 [B, C, H, W], targets [B, classes] and weights [B], mixed."""
        draw = mix_draw(self.mixer.__name__, self.probability, self.alpha, len(images))
        return shared(self.mixer(images, draw, None), draw, images, targets, weights)


MIXERS = {"mixup": _mixup, "cutmix": _cutmix, "sample-pairing": _sample_pairing, "mosaic": _mosaic}


class TargetTransform(nn.Module):
    """(image, label) -> (image, target [classes] float32, weight [] float32), and `collate` for a DataLoader.

    `mixes`: from which share of the training on, in [0, 1), the batch is mixed by what (None: not). `classes`: the
    policy and the softening of classes that have their own, by label.

    Raises:
        ValueError: a label is no class.
    """

    def __init__(
        self,
        policy: Any,
        num_classes: int,
        softening: Any,
        mixes: Sequence[tuple[float, Any]],
        classes: Mapping[int, tuple[Any, Any]] | None = None,
    ) -> None:
        super().__init__()
        self.policy, self.num_classes, self.softening, self.mixes = policy, num_classes, softening, mixes
        self.classes = dict(classes or {})
        self._spreads = {key: self._spread(part) for key, (_, part) in self.classes.items()}
        self._common_spread = self._spread(softening)

    def _spread(self, softening: Any) -> Tensor | None:
        if softening is None or softening.confusion is None:
            return None
        return shares(softening.confusion, self.num_classes)

    def forward(self, image: Any, label: int) -> tuple[Any, Tensor, Tensor]:
        """One image, PIL (L or RGB) or uint8 [C, H, W], and its class in 0..classes-1."""
        label = class_of(label, self.num_classes)
        policy, softening = self.classes.get(label, (self.policy, self.softening))
        policy.progress = self.policy.progress
        params = policy.make_params([image])
        out, which = policy.transform(image, params), torch.tensor(label)
        if softening is None:
            return out, one_hot(which, self.num_classes).float(), torch.ones(())
        p = softening.confidence(_as_tensor(image), params["draws"][0], self.num_classes)
        spread = self._spreads.get(label, self._common_spread)
        target, weight = soften(softening.mode, p[None], which[None], self.num_classes, spread)
        return out, target[0], weight[0]

    def collate(self, samples: Sequence[tuple[Any, Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
        """Images of one size and uint8, their targets and weights -> [B, C, H, W], [B, classes], [B], mixed."""
        parts = zip(*samples, strict=True)
        images, targets, weights = (torch.stack([_as_tensor(one) for one in part]) for part in parts)
        mix = next(mix for start, mix in reversed(self.mixes) if self.policy.progress >= start)
        if mix is not None:
            images, targets, weights = mix(images, targets, weights)
        if self.softening is not None and self.softening.normalise:
            weights = weights / weights.mean().clamp(min=1e-9)
        return images, targets, weights


def _as_tensor(image: Any) -> Tensor:
    return TF.pil_to_tensor(image) if isinstance(image, PIL.Image.Image) else image.as_subclass(Tensor)
