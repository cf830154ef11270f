"""The operations that are neither geometry nor tables: (images [b, C, H, W] uint8, magnitude [b], numbers) -> images.

Each has its visibility: (images, magnitude) -> [b] float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.augmentation.counter_rng import normals
from policysearch.augmentation.kernels.lookup import gray

_RGB = 3
_BLURRED_AWAY = 4  # a blur of a quarter of the shorter side leaves nothing
_SMOOTHING_VARIANCE = 6 / 13  # of sharpness's 3×3 kernel, per axis, in pixels²


def _per_image(values: Tensor) -> Tensor:
    return values.reshape(-1, 1, 1, 1)


def _color(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Blend with the grey image (torchvision's `adjust_saturation`); unchanged unless RGB."""
    if images.shape[1] != _RGB:
        return images
    factor = _per_image(1 + magnitude)
    return images.float().mul_(factor).add_(gray(images) * (1 - factor)).clamp_(0, 255).to(torch.uint8)


def _grayscale(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """The luma in every channel (torchvision's `rgb_to_grayscale`); unchanged unless RGB."""
    return gray(images).to(torch.uint8).expand_as(images) if images.shape[1] == _RGB else images


def _hue(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Turn the hue by `magnitude` of the colour circle in HSV (torchvision's `adjust_hue`); unchanged unless RGB.

    In the hexagonal hue model a channel is v - v·s·clamp(min(t, 4 - t), 0, 1), t the hue in sixths of the circle
    plus the channel's offset (5, 3, 1), modulo 6.
    """
    if images.shape[1] != _RGB:
        return images
    pixels = images.float() / 255
    value, chroma, hue = _value_chroma_hue(pixels)
    hue = hue + 6 * magnitude[:, None, None]
    t = (hue[:, None] + torch.tensor([5.0, 3.0, 1.0], device=images.device)[:, None, None]).remainder_(6)
    turned = value[:, None] - chroma[:, None] * torch.minimum(t, 4 - t).clamp_(0, 1)
    return torch.where(_per_image(magnitude) == 0, images, turned.mul_(255.999).clamp_(0, 255).to(torch.uint8))


def _value_chroma_hue(pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[b, 3, H, W] -> value and chroma in [0, 1] and hue in sixths of the circle, each [b, H, W]."""
    r, g, b = pixels.unbind(1)
    value, low = pixels.amax(1), pixels.amin(1)
    chroma = value - low
    safe = torch.where(chroma == 0, 1.0, chroma)
    green, blue = (b - r) / safe + 2, (r - g) / safe + 4
    hue = torch.where(value == r, (g - b) / safe, torch.where(value == g, green, blue))
    return value, chroma, hue


def _sharpness(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Blend with a 3×3 smoothing (centre 5, others 1, over 13), border pixels kept; as torchvision's."""
    if min(images.shape[2:]) <= 2 or not len(images):
        return images
    pixels = images.float()
    inner = pixels[..., 1:-1, 1:-1]
    columns = pixels[..., :-2, :] + pixels[..., 1:-1, :] + pixels[..., 2:, :]
    around = columns[..., :-2] + columns[..., 1:-1] + columns[..., 2:]
    smooth = around.add_(inner, alpha=4).div_(13).round_()
    inner += smooth.sub_(inner).mul_(-_per_image(magnitude))
    return pixels.clamp_(0, 255).to(torch.uint8)


def _gaussian_blur(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Blur by a Gaussian of sigma `magnitude` pixels cut off at 3 sigma, edges reflected.

    torchvision's `gaussian_blur` with kernel size 2·ceil(3σ) + 1, but no longer than reflection allows.
    """
    pixels = images.float()
    for axis in (3, 2):
        pixels = _blur_axis(pixels, magnitude, axis)
    return torch.where(_per_image(magnitude) == 0, images, pixels.round_().clamp_(0, 255).to(torch.uint8))


def _blur_axis(pixels: Tensor, sigma: Tensor, axis: int) -> Tensor:
    side = pixels.shape[axis]
    reach = (3 * sigma).ceil().clamp(max=side - 1)
    most = int(reach.max()) if len(sigma) else 0
    taps = torch.arange(-most, most + 1, device=pixels.device)
    weights = torch.exp(-0.5 * (taps / sigma.clamp(min=1e-6)[:, None]) ** 2)
    weights = weights.masked_fill_(taps.abs() > reach[:, None], 0)

    # One after the other: the rounding of a built-in sum depends on its length, which is that of the largest sigma in
    # the batch, and an image's result must depend on its own row alone.
    total = sum(weights.unbind(1), torch.zeros_like(sigma))
    weights /= total[:, None]

    padded = F.pad(pixels, (most, most, 0, 0) if axis == 3 else (0, 0, most, most), mode="reflect")
    shifted = (padded.narrow(axis, i, side) * _per_image(weights[:, i]) for i in range(len(taps)))
    return sum(shifted, torch.zeros_like(pixels))


def _noise(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """X + α·X_noise with pixels in [0, 1] and X_noise from N(0, 0.1²) (Liu et al. 2023, table 6).

    There α is from N(0, 0.1²): the magnitude {"mean": 0, "std": 0.1}. The pattern depends on the draw's numbers alone.
    """
    pattern = normals(numbers[:, :2], images[0].numel() if len(images) else 0).view(images.shape)
    return (images + pattern.mul_(_per_image(25.5 * magnitude))).round_().clamp_(0, 255).to(torch.uint8)


FILTERS = {
    "color": _color,
    "grayscale": _grayscale,
    "hue": _hue,
    "sharpness": _sharpness,
    "gaussian-blur": _gaussian_blur,
    "noise": _noise,
}


def _colour_left(images: Tensor, magnitude: Tensor) -> Tensor:
    """1 for more colour; for less, what is left of the three channels: 1/3 when all is grey."""
    left = 1 + magnitude.clamp(max=0) * 2 / 3
    return left if images.shape[1] == _RGB else torch.ones_like(left)


def _gray_left(images: Tensor, magnitude: Tensor) -> Tensor:
    return _colour_left(images, torch.full_like(magnitude, -1.0))


def _blur_left(images: Tensor, sigma: Tensor) -> Tensor:
    """1 - 4σ / shorter side, not below 0: a blur of a quarter of the side leaves nothing to see."""
    return (1 - _BLURRED_AWAY * sigma / min(images.shape[2:])).clamp(min=0)


def _sharpness_left(images: Tensor, magnitude: Tensor) -> Tensor:
    """1 for sharpening; for smoothing that of a Gaussian blur of the same variance, 6/13·|m| pixels² per axis."""
    return _blur_left(images, (_SMOOTHING_VARIANCE * (-magnitude).clamp(min=0)).sqrt())


def _noise_left(images: Tensor, magnitude: Tensor) -> Tensor:
    """1 - |α|: table 6 names no severity but α."""
    return (1 - magnitude.abs()).clamp(min=0)


VISIBILITY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "color": _colour_left,
    "grayscale": _gray_left,
    "sharpness": _sharpness_left,
    "gaussian-blur": _blur_left,
    "noise": _noise_left,
}
