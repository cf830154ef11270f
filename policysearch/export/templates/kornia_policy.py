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
from kornia.filters import gaussian_blur2d
from torch import Tensor, nn

from policysearch.export.templates.image_checks import advice_on_channels, described, has_right_channels
from policysearch.export.templates.random_choices import evenly_spaced as evenly_spaced  # POLICY names it
from policysearch.export.templates.random_choices import index, one_of


def identity(m: float, p: float) -> nn.Module:
    return K.RandomInvert(p=0.0)


def rotate(m: float, p: float) -> nn.Module:
    return K.RandomRotation((m, m), resample="nearest", p=p)


class Shear(K.RandomShear):
    """kornia's own, about the top left corner of the image in place of its centre."""

    def compute_transformation(self, input: Tensor, params: Any, flags: Any) -> Tensor:
        corner = torch.full_like(params["center"], -0.5)
        return super().compute_transformation(input, {**params, "center": corner}, flags)


def shear_x(m: float, p: float) -> nn.Module:
    degrees = math.degrees(math.atan(m))
    return Shear((degrees, degrees), resample="nearest", p=p)


def shear_y(m: float, p: float) -> nn.Module:
    degrees = math.degrees(math.atan(m))
    return Shear((0.0, 0.0, degrees, degrees), resample="nearest", p=p)


class Translate(K.RandomTranslate):
    """kornia's own, by whole pixels: what is left over is dropped, not rounded."""

    def compute_transformation(self, input: Tensor, params: Any, flags: Any) -> Tensor:
        whole = {name: params[name].trunc() for name in ("translate_x", "translate_y")}
        return super().compute_transformation(input, {**params, **whole}, flags)


def translate_x(m: float, p: float) -> nn.Module:
    return Translate((m, m), None, resample="nearest", p=p)


def translate_y(m: float, p: float) -> nn.Module:
    return Translate(None, (m, m), resample="nearest", p=p)


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


class Hue(K.RandomHue):
    """kornia's own, which leaves grey images alone."""

    def apply_transform(self, input: Tensor, params: Any, flags: Any, transform: Tensor | None = None) -> Tensor:
        return input if input.shape[1] == 1 else super().apply_transform(input, params, flags)


def hue(m: float, p: float) -> nn.Module:
    return Hue((m, m), p=p)


def sharpness(m: float, p: float) -> nn.Module:
    return K.RandomSharpness((1 + m, 1 + m), p=p)


def posterize(m: float, p: float) -> nn.Module:
    return K.RandomPosterize((float(round(m)), float(round(m))), p=p)


def solarize(m: float, p: float) -> nn.Module:
    threshold = min(1.0, max(0.0, (math.ceil(m) - 0.5) / 255))
    return K.RandomSolarize((threshold, threshold), additions=0.0, p=p if m <= 255 else 0.0)


class AutoContrast(K.RandomAutoContrast):
    """kornia's own, which makes a channel of one grey value black, with such channels left as they are."""

    def apply_transform(self, input: Tensor, params: Any, flags: Any, transform: Tensor | None = None) -> Tensor:
        low, high = input.amin((-2, -1), keepdim=True), input.amax((-2, -1), keepdim=True)
        half_a_grey_value = 0.5 / 255
        return torch.where(high - low < half_a_grey_value, input, super().apply_transform(input, params, flags))


def autocontrast(m: float, p: float) -> nn.Module:
    return AutoContrast(p=p)


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


class GaussianBlur(K.RandomGaussianBlur):
    """kornia's own, its kernel no longer than reflection allows."""

    def apply_transform(self, input: Tensor, params: Any, flags: Any, transform: Tensor | None = None) -> Tensor:
        height, width = (min(self.flags["kernel_size"], 2 * side - 1) for side in input.shape[-2:])
        return gaussian_blur2d(input, (height, width), params["sigma"].unsqueeze(-1).expand(-1, 2))


def gaussian_blur(m: float, p: float) -> nn.Module:
    return GaussianBlur(2 * math.ceil(3 * m) + 1, (m, m), p=p if m else 0.0)


def normal(mean: float, std: float, low: float, high: float) -> list[float]:
    """Fifteen equally probable magnitudes in place of N(mean, std²) cut off at low and high."""
    quantiles = torch.special.ndtri((torch.arange(15, dtype=torch.float64) + 0.5) / 15)
    return (mean + std * quantiles).clamp(low, high).tolist()


def both(magnitudes: Sequence[float]) -> list[float]:
    """Magnitudes of both signs."""
    return [sign * m for m in magnitudes for sign in (1, -1)]


Entry = tuple[Callable[[float, float], nn.Module], float, Sequence[float]]


class Operation(OperationBase):
    """kornia's wrapper of an augmentation without its probability as a parameter, which nothing trains."""

    def __init__(self, augmentation: Any) -> None:
        super().__init__(augmentation)
        probability = self._probability.detach()
        del self._probability
        self.register_buffer("_probability", probability)


class KorniaPolicy(PolicyAugmentBase):
    """float [B, C, H, W] in [0, 1] -> the same; one sub-policy, magnitude and sign per BATCH, probabilities per image.

    `sub_policies`: (weight, steps); a step is a list of which one is drawn, of (operation, probability, magnitudes),
    of which one is drawn. Seeded by torch's global generator. It has no parameters and no state to save, and
    mixed precision does not change its pixels.

    Raises:
        TypeError: the images are no tensor of floating-point values.
        ValueError: they are not [C, H, W] or [B, C, H, W] with 1 or 3 channels.
    """

    def __init__(self, sub_policies: Sequence[tuple[float, Sequence[Sequence[Entry]]]]) -> None:
        flat: list[tuple[Any, float, float]] = [(identity, 1.0, 0.0)]
        paths = []
        for _, steps in sub_policies:
            paths.append([[added(flat, *entry) for entry in step] for step in steps])
        super().__init__([[entry] for entry in flat])
        self.paths = paths
        self.weights = [weight for weight, _ in sub_policies]
        for module in self.modules():
            for name, buffer in list(module.named_buffers(recurse=False)):
                module.register_buffer(name, buffer, persistent=False)

    def compose_subpolicy_sequential(self, subpolicy: Any) -> PolicySequential:
        return PolicySequential(*(Operation(operation(m, p)) for operation, p, m in subpolicy))

    def get_forward_sequence(self, params: Any = None) -> Iterator[tuple[str, nn.Module]]:
        if params is not None:
            return self.get_children_by_params(params)
        steps = self.paths[index(self.weights)]
        drawn = [one_of(one_of(step)) for step in steps]
        return self.get_children_by_indices(torch.tensor(drawn or [0]))

    def forward(self, input: Tensor, params: Any = None, extra_args: Any = None) -> Tensor:
        check_images(input)
        return super().forward(input, params, extra_args)

    def transform_inputs(self, input: Tensor, params: Any, extra_args: Any = None) -> Tensor:
        check_images(input)
        images = input if input.dtype == torch.float64 else input.float()
        with torch.autocast(input.device.type, enabled=False):
            return super().transform_inputs(images, params, extra_args).to(input.dtype)


class MaskPolicy(nn.Module):
    """float [B, C, H, W] in [0, 1] and masks of whole numbers [B, H, W] -> the same, moved alike.

    `ignore` is put in a mask where a pixel comes from outside: kornia puts 0 there, so that numbers begin at 1 on their
    way.
    """

    def __init__(self, policy: Any, ignore: int) -> None:
        super().__init__()
        self.both = K.AugmentationSequential(policy, data_keys=["input", "mask"])
        self.ignore = ignore

    def forward(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        if masks.ndim != 3 or masks.is_floating_point():
            raise TypeError(f"masks must be whole numbers [B, H, W], got {described(masks)}")
        out, moved = self.both(images, masks[:, None].float() + 1)
        numbers = moved[:, 0].round().long()
        return out, torch.where(numbers > 0, numbers - 1, self.ignore).to(masks.dtype)


def check_images(images: Any) -> None:
    """Refuse what would only fail, or come out wrong, in some of the draws."""
    rule = f"images must be float [B, C, H, W] in [0, 1] with 1 or 3 channels, got {described(images)}"
    if not isinstance(images, Tensor):
        raise TypeError(f"{rule}: torch.from_numpy(array).permute(2, 0, 1) / 255 makes a tensor of uint8 [H, W, C]")
    if not images.is_floating_point():
        raise TypeError(f"{rule}: divide them by 255")
    if not has_right_channels(images):
        raise ValueError(f"{rule}{advice_on_channels(images.shape)}")


def added(flat: list[Any], operation: Any, probability: float, magnitudes: Sequence[float]) -> list[int]:
    """The places of an entry's operations, one for each magnitude, put at the end."""
    first = len(flat)
    flat.extend((operation, probability, m) for m in magnitudes)
    return list(range(first, len(flat)))
