"""learned: 1 view of every image, averaged.

Test-time policy 26a288c3a2ba, written by policysearch 0.1.0.

the learned test-time policy of 1 view is the same as one plain pass, the best other way of equal cost; it costs 1
pass per image, measured 1.0 times one plain pass (0.0157 ms per image); use one plain pass: no views of equal cost
are clearly better.

    from learned_views import TestTimeViews
    tta = TestTimeViews()
    views = tta(image)  # PIL or uint8 [C, H, W] -> uint8 [V, C, H, W]; [B, C, H, W] -> [B, V, C, H, W]
    logits = network(normalise(views.flatten(0, 1))).unflatten(0, views.shape[:2])  # of a batch
    probabilities = tta.average(logits)  # [B, classes]

Needs torchvision 0.21 or newer. Nothing is drawn, so the same image has the same views. The temperature fits
networks of the same kind, trained in the same way: fit it again for others, on images that are not for testing.

- as it is
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import PIL.Image
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as TF


def check_mode(image: Any) -> None:
    """Refuse a PIL image that is neither grey nor RGB."""
    if image.mode not in ("L", "RGB"):
        raise TypeError(f"PIL images must be in mode L or RGB, got {image.mode}: use image.convert('RGB')")


CHANNELS = (1, 3)


def has_right_channels(image: Any) -> bool:
    """Whether a tensor [C, H, W] or [B, C, H, W] is grey or RGB."""
    return image.ndim in (3, 4) and image.shape[-3] in CHANNELS


VIEWED = "images must be PIL images, uint8 [C, H, W] or uint8 [B, C, H, W], with 1 or 3 channels"


def described(image: Any) -> str:
    """What was passed as an image: its type, and its mode and size or its dtype and shape."""
    facts = ("dtype", "shape") if hasattr(image, "dtype") else ("mode", "size")
    values = (getattr(image, fact) for fact in facts if hasattr(image, fact))
    return " ".join([type(image).__name__, *(str(list(one) if isinstance(one, tuple) else one) for one in values)])


def advice_on_channels(shape: Any) -> str:
    """How a tensor of this shape becomes [C, H, W] or [B, C, H, W] with 1 or 3 channels."""
    if len(shape) not in (3, 4) or shape[-3] in CHANNELS:
        return ""
    if shape[-1] in (*CHANNELS, 4):
        order = "2, 0, 1" if len(shape) == 3 else "0, 3, 1, 2"
        return f": channels come first, permute({order})"
    return ": drop the transparency, image[..., :3, :, :]" if shape[-3] == 4 else ""


def checked(image: Any) -> Tensor:
    """The image as a tensor, if it is one that has views."""
    if isinstance(image, PIL.Image.Image):
        check_mode(image)
        return TF.pil_to_tensor(image)
    if not isinstance(image, Tensor) or image.ndim not in (3, 4) or image.dtype != torch.uint8:
        raise TypeError(f"{VIEWED}, got {described(image)}")
    if not has_right_channels(image):
        raise ValueError(f"{VIEWED}, got {described(image)}{advice_on_channels(image.shape)}")
    return image.as_subclass(Tensor)


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


VIEWS: list[list[ViewStep]] = [[]]

TEMPERATURE = 1.4978399016141712


class TestTimeViews(ViewsTransform):
    """The views above, and the mean of what a network predicts for them."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__(VIEWS, TEMPERATURE)
