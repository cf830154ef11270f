"""What is drawn, and the transform that draws it: one draw per image, one for an image with its boxes and masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TF

from policysearch.export.templates.torchvision_operations import GEOMETRY as _GEOMETRY
from policysearch.export.templates.torchvision_operations import HIDDEN as _HIDDEN

GEOMETRY = frozenset(_GEOMETRY.values())
HIDING = frozenset(_HIDDEN.values())

Operation = Callable[[Any, Tensor, Tensor], Any]


class Drawn(NamedTuple):
    """An operation that is applied, with its magnitude [] and the numbers in [0, 1) that it needs besides."""

    operation: Operation
    magnitude: Tensor
    numbers: Tensor


NO_NUMBERS = torch.empty(0)


def uniform() -> float:
    """A number in [0, 1) from torch's global generator."""
    return torch.rand(()).item()


def index(weights: Sequence[float]) -> int:
    """A place drawn with these weights."""
    share = uniform() * sum(weights)
    return next((i for i, total in enumerate(accumulate(weights)) if share < total), len(weights) - 1)


@dataclass(frozen=True)
class Uniform:
    """A magnitude drawn evenly from `start` to `stop`, or from `levels` values from one to the other."""

    start: float
    stop: float
    levels: int = 0

    def draw(self) -> float:
        share = int(uniform() * self.levels) / (self.levels - 1) if self.levels else uniform()
        return self.start + (self.stop - self.start) * share


@dataclass(frozen=True)
class Normal:
    """A magnitude from N(mean, std²), cut off at `low` and `high`."""

    mean: float
    std: float
    low: float
    high: float

    def draw(self) -> float:
        return min(max(self.mean + self.std * torch.randn(()).item(), self.low), self.high)


@dataclass(frozen=True)
class Step:
    """An operation, applied with a probability; where `signed` its magnitude is negated half the time."""

    operation: Operation
    magnitude: Any = 0.0
    probability: float = 1.0
    signed: bool = False
    numbers: int = 0

    def draw(self) -> list[Drawn]:
        if self.probability < 1 and uniform() >= self.probability:
            return []
        drawn = self.magnitude if isinstance(self.magnitude, float) else self.magnitude.draw()
        sign = -1 if self.signed and uniform() < 0.5 else 1
        numbers = torch.rand(self.numbers) if self.numbers else NO_NUMBERS
        return [Drawn(self.operation, torch.tensor(sign * drawn), numbers)]


@dataclass(frozen=True)
class OneOf:
    """One of several steps, each alike."""

    steps: Sequence[Step]

    def draw(self) -> list[Drawn]:
        return self.steps[int(uniform() * len(self.steps))].draw()


@dataclass(frozen=True)
class SomeOf:
    """Steps in random order until n were applied, n drawn with probability `counts[n]`."""

    steps: Sequence[Step]
    counts: Sequence[float]

    def draw(self) -> list[Drawn]:
        tried = (self.steps[i].draw() for i in torch.randperm(len(self.steps)).tolist())
        return [drawn for one in tried for drawn in one][: index(self.counts)]


@dataclass(frozen=True)
class SubPolicy:
    """Steps in order; `weight` is the share of images that get them."""

    steps: Sequence[Any]
    weight: float = 1.0


def applied(inpt: Any, steps: Sequence[Drawn]) -> Any:
    """An image (uint8 [C, H, W]) after the steps; of bounding boxes and masks, after the geometric ones alone."""
    is_image = not isinstance(inpt, tv_tensors.TVTensor) or isinstance(inpt, tv_tensors.Image)
    for operation, magnitude, numbers in steps:
        if operation in GEOMETRY:
            inpt = operation(inpt, magnitude, numbers)
        elif is_image and operation in HIDING:
            inpt = inpt.masked_fill(operation(inpt, magnitude, numbers), 0)
        elif is_image:
            inpt = operation(inpt, magnitude, numbers)
    return inpt


class PolicyTransform(v2.Transform):
    """Draws one sub-policy for each image, seeded by torch's global generator.

    Takes what transforms v2 take: a PIL image (L or RGB), a uint8 tensor [C, H, W] or a batch [B, C, H, W] of which
    each image gets a draw of its own, alone or in a sample with labels, and, for single images, bounding boxes and
    masks, which move along (what an operation hides stays in them).

    Raises:
        TypeError: an image is no uint8 tensor and no PIL image in mode L or RGB.
        ValueError: boxes or masks come with a batch.
    """

    def __init__(self, *stages: tuple[float, Sequence[SubPolicy]]) -> None:
        """Each stage: from which share of the training on, in [0, 1), and the sub-policies. Set `progress`."""
        super().__init__()
        self.stages = stages
        self.progress = 0.0

    def draw(self) -> list[Drawn]:
        """What happens to one image."""
        subs = next(subs for start, subs in reversed(self.stages) if self.progress >= start)
        chosen = subs[index([sub.weight for sub in subs])] if len(subs) > 1 else subs[0]
        return [drawn for step in chosen.steps for drawn in step.draw()]

    def applied(self, image: Any, drawn: Any) -> Any:
        """One image, or its boxes or masks, after what was drawn."""
        return applied(image, drawn)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        images = [inpt for inpt in flat_inputs if _checked(inpt)]
        batches = [len(image) for image in images if isinstance(image, Tensor) and image.ndim == 4]
        if batches and len(images) < len(flat_inputs):
            raise ValueError("boxes and masks go with single images: each image of a batch has a draw of its own")
        return {"draws": [self.draw() for _ in range(batches[0] if batches else 1)]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        draws = params["draws"]
        if isinstance(inpt, PIL.Image.Image):
            return TF.to_pil_image(self.applied(TF.pil_to_tensor(inpt), draws[0]))
        if inpt.ndim < 4 or not len(inpt):
            out = self.applied(inpt, draws[0]) if draws else inpt
        else:
            out = torch.stack([self.applied(image, drawn) for image, drawn in zip(inpt, draws, strict=True)])
        return tv_tensors.wrap(out, like=inpt) if isinstance(inpt, tv_tensors.Image) else out


def _checked(inpt: Any) -> bool:
    """Whether it is an image, which must be one that can be augmented."""
    if isinstance(inpt, PIL.Image.Image):
        if inpt.mode not in ("L", "RGB"):
            raise TypeError(f"PIL images must be in mode L or RGB, got {inpt.mode}: use image.convert('RGB')")
        return True
    if isinstance(inpt, tv_tensors.TVTensor) and not isinstance(inpt, tv_tensors.Image | tv_tensors.Video):
        return False
    if inpt.dtype != torch.uint8 or inpt.ndim not in (3, 4) or isinstance(inpt, tv_tensors.Video):
        told = f"{type(inpt).__name__} {inpt.dtype} {list(inpt.shape)}"
        raise TypeError(f"images must be uint8 [C, H, W] or [B, C, H, W], got {told}: put ToDtype after the policy")
    return True
