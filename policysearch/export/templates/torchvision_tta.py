"""Test-time views: every image in all its views, and the mean of what a network predicts for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import PIL.Image
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as TF

from policysearch.export.templates.image_checks import advice_on_channels, check_mode, described, has_right_channels
from policysearch.export.templates.torchvision_policy import WANTED


class ViewStep(NamedTuple):
    """An operation with its magnitude and the numbers in [0, 1] that it needs besides."""

    operation: Callable[[Any, Tensor, Tensor], Any]
    magnitude: float = 0.0
    numbers: tuple[float, ...] = ()

    def on(self, images: Tensor) -> Tensor:
        """The operation on uint8 [..., C, H, W], to the same pixels under mixed precision."""
        with torch.autocast(images.device.type, enabled=False):
            out: Tensor = self.operation(images, torch.tensor(self.magnitude), torch.tensor(self.numbers))
        return out


def crop_box(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    """A box of a share `magnitude` of both sides resized to the whole; `numbers` say where: 0 and 1 are the edges."""
    height, width = TF.get_size(inpt)
    h, w = max(1, round(float(magnitude) * height)), max(1, round(float(magnitude) * width))
    top, left = round(float(numbers[0]) * (height - h)), round(float(numbers[1]) * (width - w))
    return TF.resized_crop(inpt, top, left, h, w, size=[height, width], antialias=False)


def view_of(images: Tensor, steps: Sequence[ViewStep]) -> Tensor:
    """uint8 [..., C, H, W] after the steps of one view."""
    for step in steps:
        images = step.on(images)
    return images


class ViewsTransform(nn.Module):
    """The views of an image: a PIL image (L or RGB) or uint8 [C, H, W] -> uint8 [V, C, H, W].

    A batch [B, C, H, W] becomes [B, V, C, H, W], as a DataLoader makes of single images. Nothing is drawn: the same
    image has the same views.

    Raises:
        TypeError: it is no image, or no uint8 tensor.
        ValueError: an image has neither 1 nor 3 channels.
    """

    def __init__(self, views: Sequence[Sequence[ViewStep]], temperature: float) -> None:
        super().__init__()
        self.views = views
        self.temperature = temperature

    def forward(self, image: Any) -> Tensor:
        images = checked(image)
        return torch.stack([view_of(images, steps) for steps in self.views], dim=images.ndim - 3)

    def average(self, logits: Tensor) -> Tensor:
        """Logits of all views [..., V, classes] -> probabilities [..., classes] in float64: their mean, calibrated."""
        mean = logits.double().softmax(-1).mean(-2)
        return mean.clamp(min=1e-30).log().div(self.temperature).softmax(-1)


def checked(image: Any) -> Tensor:
    """The image as a tensor, if it is one that has views."""
    if isinstance(image, PIL.Image.Image):
        check_mode(image)
        return TF.pil_to_tensor(image)
    if not isinstance(image, Tensor) or image.ndim not in (3, 4) or image.dtype != torch.uint8:
        raise TypeError(f"{WANTED}, got {described(image)}")
    if not has_right_channels(image):
        raise ValueError(f"{WANTED}, got {described(image)}{advice_on_channels(image.shape)}")
    return image.as_subclass(Tensor)
