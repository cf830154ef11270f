"""Operations through torchvision's functionals: (inpt, magnitude [] float32, numbers [K] float32 in [0, 1)) -> inpt.

`GEOMETRY` takes images (uint8 [C, H, W]), bounding boxes and masks alike. `PIXELS` takes images alone. What is in
`HIDDEN` gives instead a mask [1, H, W], True where a pixel is hidden, for one image of a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as TF

from policysearch.augmentation.counter_rng import normals
from policysearch.augmentation.kernels.crops import _resized_crop, _soft_resized_crop
from policysearch.augmentation.kernels.masks import _cutout, _grid_mask, _hide_and_seek, _random_erasing
from policysearch.augmentation.kernels.pixel_moves import truncated_normal


def identity(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return image


def _canvas(inpt: Any) -> Tensor:
    """Nothing but the shape: [1, 1, H, W]."""
    return torch.empty(1, 1, *TF.get_size(inpt))


def _moved(inpt: Any, y: Tensor, x: Tensor) -> Any:
    """The window of the old size whose top left corner is at (y, x), black outside."""
    height, width = TF.get_size(inpt)
    return TF.crop(inpt, int(y.clamp(-height, height)), int(x.clamp(-width, width)), height, width)


def shear_x(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return TF.affine(inpt, 0.0, [0, 0], 1.0, [math.degrees(math.atan(magnitude)), 0.0], center=[0, 0])


def shear_y(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return TF.affine(inpt, 0.0, [0, 0], 1.0, [0.0, math.degrees(math.atan(magnitude))], center=[0, 0])


def rotate(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return TF.rotate(inpt, float(magnitude))


def translate_x(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return _moved(inpt, torch.zeros(()), -(magnitude * TF.get_size(inpt)[1]))


def translate_y(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return _moved(inpt, -(magnitude * TF.get_size(inpt)[0]), torch.zeros(()))


def translate_x_pixels(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return _moved(inpt, torch.zeros(()), -magnitude)


def translate_y_pixels(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return _moved(inpt, -magnitude, torch.zeros(()))


def flip_horizontal(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return TF.horizontal_flip(inpt)


def flip_vertical(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    return TF.vertical_flip(inpt)


def pad_and_crop(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    """A window of the old size, any place alike, after padding by round(magnitude · side) on all sides."""
    pad = (magnitude * torch.tensor(TF.get_size(inpt))).round()
    return _moved(inpt, *((numbers[:2] * (2 * pad + 1)).floor() - pad))


def soft_crop(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    """A window of the old size, moved along both axes by N(0, magnitude · longer side), not beyond that side."""
    longer = torch.tensor(float(max(TF.get_size(inpt))))
    return _moved(inpt, *truncated_normal(numbers[:2], magnitude * longer, longer).round())


def _resized(inpt: Any, box: Sequence[int]) -> Any:
    """A box (top, left, height, width) resized to the whole; of a mask the pixel nearest to each new pixel's centre."""
    size = TF.get_size(inpt)
    if not isinstance(inpt, tv_tensors.Mask):
        return TF.resized_crop(inpt, *box, size=size, antialias=False)
    nearest = TF.InterpolationMode.NEAREST_EXACT
    return tv_tensors.Mask(TF.resized_crop(inpt.as_subclass(Tensor), *box, size=size, interpolation=nearest))


def resized_crop(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    """A box of a share `magnitude` of the area resized to the whole, its shape log-even in [3/4, 4/3]."""
    box = _resized_crop(_canvas(inpt), magnitude[None], numbers[None])[0].int().tolist()
    return _resized(inpt, box)


def soft_resized_crop(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    """Soft Augmentation's ImageNet crop: a box that may reach outside the image resized to the whole."""
    box = _soft_resized_crop(_canvas(inpt), magnitude[None], numbers[None])[0].int().tolist()
    return _resized(inpt, box)


def perspective(inpt: Any, magnitude: Tensor, numbers: Tensor) -> Any:
    """Each corner goes up to floor(magnitude · half the side) pixels inward."""
    height, width = TF.get_size(inpt)
    start = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
    reach = (magnitude * torch.tensor([width // 2, height // 2])).floor().double()
    inward = (numbers[:8].double().view(4, 2) * (reach + 1)).floor().int().tolist()
    end = [[abs(x - dx), abs(y - dy)] for (x, y), (dx, dy) in zip(start, inward, strict=True)]
    return TF.perspective(inpt, start, end, interpolation=TF.InterpolationMode.NEAREST)


def cutout(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _cutout(_canvas(image), magnitude[None], numbers[None])


def random_erasing(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _random_erasing(_canvas(image), magnitude[None], numbers[None])


def grid_mask(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _grid_mask(_canvas(image), magnitude[None], numbers[None])


def hide_and_seek(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _hide_and_seek(_canvas(image), magnitude[None], numbers[None])


def brightness(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.adjust_brightness(image, 1 + float(magnitude))


def contrast(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.adjust_contrast(image, 1 + float(magnitude))


def sharpness(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.adjust_sharpness(image, 1 + float(magnitude))


def color(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.adjust_saturation(image, 1 + float(magnitude))


def hue(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.adjust_hue(image, float(magnitude)) if magnitude else image


def grayscale(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.rgb_to_grayscale(image, image.shape[-3])


def posterize(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.posterize(image, round(float(magnitude)))


def solarize(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.solarize(image, float(magnitude)) if magnitude <= 255 else image


def solarize_add(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Whole grey values added to what is below 128."""
    return torch.where(image < 128, image + magnitude.floor(), image).clamp(0, 255).to(torch.uint8)


def autocontrast(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.autocontrast(image)


def equalize(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.equalize(image)


def invert(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return TF.invert(image)


def gaussian_blur(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """A kernel of 2·ceil(3σ) + 1 pixels, no longer than reflection allows."""
    if not magnitude:
        return image
    reach = [min(math.ceil(3 * magnitude), side - 1) for side in (image.shape[-1], image.shape[-2])]
    return TF.gaussian_blur(image, [2 * r + 1 for r in reach], [float(magnitude)] * 2)


def noise(image: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """magnitude · N(0, 0.1²) of the grey range added to every value; the pattern depends on `numbers` alone."""
    pattern = normals(numbers[None, :2], image.numel()).view(image.shape)
    return (image + pattern * (25.5 * magnitude)).round().clamp(0, 255).to(torch.uint8)


_Operations = Mapping[str, Callable[[Any, Tensor, Tensor], Any]]


def _by_name(*functions: Callable[[Any, Tensor, Tensor], Any]) -> _Operations:
    return MappingProxyType({function.__name__.replace("_", "-"): function for function in functions})


GEOMETRY = _by_name(
    shear_x,
    shear_y,
    rotate,
    translate_x,
    translate_y,
    translate_x_pixels,
    translate_y_pixels,
    flip_horizontal,
    flip_vertical,
    pad_and_crop,
    soft_crop,
    resized_crop,
    soft_resized_crop,
    perspective,
)
HIDDEN = _by_name(cutout, random_erasing, grid_mask, hide_and_seek)
PIXELS = _by_name(
    identity,
    brightness,
    contrast,
    sharpness,
    color,
    hue,
    grayscale,
    posterize,
    solarize,
    solarize_add,
    autocontrast,
    equalize,
    invert,
    gaussian_blur,
    noise,
)
