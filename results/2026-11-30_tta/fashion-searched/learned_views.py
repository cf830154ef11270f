"""learned: 10 views of every image, averaged.

Test-time policy 7297e3f6a1ea, written by policysearch 0.1.0.

the learned test-time policy of 10 views cannot be told apart from 10 draws of the training policy, the best other
way of equal cost: +0.22 points [-0.17, 0.60] of accuracy (p = 0.831), +0.0069 nats [-0.0013, 0.0151] of calibrated
log-likelihood (p = 0.482); compared with one plain pass it is better: +0.51 points [0.13, 0.89] of accuracy (p =
0.049), +0.0050 nats [-0.0028, 0.0128] of calibrated log-likelihood (p = 0.831); it costs 10 passes per image,
measured 15.0 times one plain pass (0.218 ms per image); use the learned one where its cost is acceptable, otherwise
one plain pass.

    from learned_views import TestTimeViews
    tta = TestTimeViews()
    views = tta(image)  # PIL or uint8 [C, H, W] -> uint8 [V, C, H, W]; [B, C, H, W] -> [B, V, C, H, W]
    logits = network(normalise(views.flatten(0, 1))).unflatten(0, views.shape[:2])  # of a batch
    probabilities = tta.average(logits)  # [B, classes]

Needs torchvision 0.21 or newer. Nothing is drawn, so the same image has the same views. The temperature fits
networks of the same kind, trained in the same way: fit it again for others, on images that are not for testing.

- as it is
- equalize
- rotate -6.2622, posterize 7.1024
- sharpness 0.7367
- shear-x 0.1488, shear-x -0.0499
- translate-y-pixels 1, translate-x-pixels 1
- equalize, color 0.8277
- posterize 6.6883, solarize 175.118
- autocontrast, sharpness 0.6268
- shear-y -0.1604
"""

from __future__ import annotations

import math
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


def equalize(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.equalize(image)


def rotate(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return TF.rotate(inpt, float(magnitude))


def posterize(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.posterize(image, round(float(magnitude)))


def sharpness(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.adjust_sharpness(image, 1 + float(magnitude))


def shear_x(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return TF.affine(inpt, 0.0, [0, 0], 1.0, [math.degrees(math.atan(magnitude)), 0.0], center=[0, 0])


def moved(inpt: Any, y: Tensor, x: Tensor) -> Any:
    """The window of the old size whose top left corner is at (y, x), black outside."""
    height, width = TF.get_size(inpt)
    return TF.crop(inpt, int(y.clamp(-height, height)), int(x.clamp(-width, width)), height, width)


def translate_y_pixels(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return moved(inpt, -magnitude, torch.zeros(()))


def translate_x_pixels(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return moved(inpt, torch.zeros(()), -magnitude)


def color(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.adjust_saturation(image, 1 + float(magnitude))


def solarize(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.solarize(image, float(magnitude)) if magnitude <= 255 else image


def autocontrast(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.autocontrast(image)


def shear_y(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return TF.affine(inpt, 0.0, [0, 0], 1.0, [0.0, math.degrees(math.atan(magnitude))], center=[0, 0])


VIEWS: list[list[ViewStep]] = [
    [],
    [ViewStep(equalize)],
    [ViewStep(rotate, -6.2622), ViewStep(posterize, 7.1024)],
    [ViewStep(sharpness, 0.7367)],
    [ViewStep(shear_x, 0.1488), ViewStep(shear_x, -0.0499)],
    [ViewStep(translate_y_pixels, 1.0), ViewStep(translate_x_pixels, 1.0)],
    [ViewStep(equalize), ViewStep(color, 0.8277)],
    [ViewStep(posterize, 6.6883), ViewStep(solarize, 175.1182)],
    [ViewStep(autocontrast), ViewStep(sharpness, 0.6268)],
    [ViewStep(shear_y, -0.1604)],
]

TEMPERATURE = 0.8271491672514475


class TestTimeViews(ViewsTransform):
    """The views above, and the mean of what a network predicts for them."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__(VIEWS, TEMPERATURE)
