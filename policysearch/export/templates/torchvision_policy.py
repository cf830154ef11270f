"""What is drawn, and the transform that draws it: one draw per image, one for an image with its boxes and masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import PIL.Image
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TF

from policysearch.export.templates.image_checks import advice_on_channels, check_mode, described, has_right_channels
from policysearch.export.templates.random_choices import index, uniform
from policysearch.export.templates.torchvision_lines import BARRING, BENDING
from policysearch.export.templates.torchvision_operations import GEOMETRY as _GEOMETRY
from policysearch.export.templates.torchvision_operations import HIDDEN as _HIDDEN

GEOMETRY = frozenset({*_GEOMETRY.values(), *BENDING.values()})
HIDING = frozenset({*_HIDDEN.values(), *BARRING.values()})

Operation = Callable[[Any, Tensor, Tensor], Any]
WANTED = "images must be PIL images, uint8 [C, H, W] or uint8 [B, C, H, W], with 1 or 3 channels"


class Drawn(NamedTuple):
    """An operation that is applied, with its magnitude [] and the numbers in [0, 1) that it needs besides."""

    operation: Operation
    magnitude: Tensor
    numbers: Tensor

    def on(self, inpt: Any) -> Any:
        """The operation on an image, boxes or a mask, to the same pixels under mixed precision."""
        with torch.autocast(inpt.device.type, enabled=False):
            return self.operation(inpt, self.magnitude, self.numbers)


NO_NUMBERS = torch.empty(0)


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
    """One of several steps, all with equal probability."""

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
    has_pixels = not isinstance(inpt, tv_tensors.TVTensor) or isinstance(inpt, tv_tensors.Image)
    for step in steps:
        if step.operation in GEOMETRY:
            inpt = step.on(inpt)
        elif has_pixels and step.operation in HIDING:
            inpt = inpt.masked_fill(step.on(inpt), 0)
        elif has_pixels:
            inpt = step.on(inpt)
    return inpt


def moved_mask(mask: Tensor, steps: Sequence[Drawn], ignore: int) -> Any:
    """A mask [..., H, W] of numbers from 0 after the geometric steps; `ignore` where a pixel is hidden or from outside.

    Torchvision puts 0 there, so that the numbers begin at 1 on their way.
    """
    shape = mask.shape
    moved = tv_tensors.Mask(mask.as_subclass(Tensor).reshape(-1, *shape[-2:]).to(torch.int32) + 1)
    for step in steps:
        if step.operation in GEOMETRY:
            moved = step.on(moved)
        elif step.operation in HIDING:
            moved = tv_tensors.Mask(moved.masked_fill(step.on(moved), 0))
    numbers = moved.as_subclass(Tensor)
    return tv_tensors.Mask(torch.where(numbers > 0, numbers - 1, ignore).to(mask.dtype).reshape(shape))


class PolicyTransform(v2.Transform):
    """Draws one sub-policy per image, seeded by torch's global generator.

    Takes what transforms v2 take: a PIL image (L or RGB), a uint8 tensor [C, H, W] or a batch [B, C, H, W] of which
    every image gets another draw, grey or RGB, alone or in a sample with labels, and, for single images, bounding
    boxes and masks, which move along (what an operation hides stays in them; with `ignore`, masks have that number
    where a pixel is hidden or comes from outside).

    Raises:
        TypeError: there is no image, or one that is no uint8 tensor and no PIL image in mode L or RGB.
        ValueError: an image has neither 1 nor 3 channels, or boxes or masks come with a batch.
    """

    def __init__(self, *stages: tuple[float, Sequence[SubPolicy]], ignore: int | None = None) -> None:
        """Each stage: from which share of the training on, in [0, 1), and the sub-policies. Set `progress`."""
        super().__init__()
        self.stages = stages
        self.progress = 0.0
        self.ignore = ignore

    def draw(self) -> list[Drawn]:
        """What happens to one image."""
        subs = next(subs for start, subs in reversed(self.stages) if self.progress >= start)
        chosen = subs[index([sub.weight for sub in subs])] if len(subs) > 1 else subs[0]
        return [drawn for step in chosen.steps for drawn in step.draw()]

    def applied(self, image: Any, drawn: Any) -> Any:
        """One image, or its boxes or masks, after what was drawn."""
        if self.ignore is not None and isinstance(image, tv_tensors.Mask):
            return moved_mask(image, drawn, self.ignore)
        return applied(image, drawn)

    def check_inputs(self, flat_inputs: list[Any]) -> None:
        """Refuse arrays in place of images, which transforms v2 would pass through as they are."""
        arrays = [inpt for inpt in flat_inputs if not isinstance(inpt, Tensor) and getattr(inpt, "ndim", 0) > 1]
        has_image = any(isinstance(inpt, Tensor | PIL.Image.Image) for inpt in flat_inputs)
        if not has_image or any(str(array.dtype) == "uint8" for array in arrays):
            passed = described((arrays or flat_inputs or [None])[0])
            advice = ": torch.from_numpy(array).permute(2, 0, 1) makes a tensor of [H, W, C]" if arrays else ""
            raise TypeError(f"{WANTED}, got {passed}{advice}")

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        images = [inpt for inpt in flat_inputs if is_image(inpt)]
        batches = [len(image) for image in images if isinstance(image, Tensor) and image.ndim == 4]
        if batches and len(images) < len(flat_inputs):
            raise ValueError("boxes and masks go with single images: in a batch every image has another draw")
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


def is_image(inpt: Any) -> bool:
    """Whether it is an image, which must be one that can be augmented."""
    if isinstance(inpt, PIL.Image.Image):
        check_mode(inpt)
        return True
    if isinstance(inpt, tv_tensors.TVTensor) and not isinstance(inpt, tv_tensors.Image | tv_tensors.Video):
        return False
    if not isinstance(inpt, Tensor) or isinstance(inpt, tv_tensors.Video) or inpt.ndim not in (3, 4):
        raise TypeError(f"{WANTED}, got {described(inpt)}")
    if inpt.dtype != torch.uint8:
        raise TypeError(f"{WANTED}, got {described(inpt)}: put ToDtype after the policy")
    if not has_right_channels(inpt):
        raise ValueError(f"{WANTED}, got {described(inpt)}{advice_on_channels(inpt.shape)}")
    return True
