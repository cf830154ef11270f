"""Pointwise operations as 256-entry tables.

A kernel takes (images [b, C, H, W] uint8, magnitude [b], numbers) and returns [b, C or 1, 256] uint8. Each equals
the functional operation of the same name of torchvision's transforms v2 on uint8, to the last bit; but contrast, where
the exact result is a whole number and torchvision itself gives one grey value two in one image (see `_contrast`).
"""

from __future__ import annotations

import torch
from torch import Tensor


def gray(images: Tensor) -> Tensor:
    """[b, C, H, W] uint8 -> [b, 1, H, W] float32: whole luma of RGB (as torchvision), else the mean channel."""
    if images.shape[1] == 3:
        r, g, b = (images[:, i : i + 1].float() for i in range(3))
        return r.mul_(0.2989).add_(g, alpha=0.587).add_(b, alpha=0.114).floor_()
    return images.float().mean(1, keepdim=True)


def look_up(images: Tensor, tables: Tensor) -> Tensor:
    """Replace each value by its entry: [b, C, H, W] uint8 and [b, C, 256] uint8 -> [b, C, H, W] uint8."""
    return tables.gather(2, images.flatten(2).long()).view(images.shape)


def counts(images: Tensor) -> Tensor:
    """How often each value occurs: [b, C, H, W] uint8 -> [b, C, 256] int32."""
    out = torch.zeros(*images.shape[:2], 256, dtype=torch.int32, device=images.device)
    values = images.flatten(2).long()
    return out.scatter_add_(2, values, torch.ones_like(out[:1, :1, :1]).expand(values.shape))


def _values(images: Tensor) -> Tensor:
    return torch.arange(256, device=images.device, dtype=torch.float32)


def _whole(values: Tensor) -> Tensor:
    return values.clamp_(0, 255).to(torch.uint8)


def _brightness(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _whole(_values(images) * (1 + magnitude).view(-1, 1, 1))


def _contrast(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """x·f + mean·(1 - f) with the second product and the sum rounded once, as torch's vector loop does.

    What is left over at the end of torch's loop is rounded twice, and may be cut to the whole number below.
    """
    m = magnitude.view(-1, 1, 1)
    mean = gray(images).mean((1, 2, 3)).view(-1, 1, 1)
    return _whole((_values(images) * (1 + m)).double().sub_(mean.double() * m).float())


def _posterize(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    step = torch.exp2(8 - magnitude.round()).view(-1, 1, 1)
    return (_values(images) / step).floor_().mul_(step).to(torch.uint8)


def _solarize(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    values = _values(images)
    return torch.where(values >= magnitude.view(-1, 1, 1), 255 - values, values).to(torch.uint8)


def _solarize_add(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Whole grey values added to what is below 128 (of the AutoAugment family; torchvision has it not)."""
    values = _values(images)
    return _whole(torch.where(values < 128, values + magnitude.floor().view(-1, 1, 1), values))


def _invert(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return (255 - _values(images)).to(torch.uint8).expand(len(images), 1, 256)


def _autocontrast(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    flat = images.flatten(2)
    low, high = flat.amin(2, keepdim=True).float(), flat.amax(2, keepdim=True).float()
    span = torch.where(low == high, 1.0, (high - low).mul_(1 / 255))
    return _whole(_values(images).sub(torch.where(low == high, 0.0, low)).div_(span))


def _equalize(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """Pillow's scheme: entry v is (pixels below v + step // 2) // step, step = pixels below the brightest // 255."""
    number = counts(images)
    below = number.cumsum(2, dtype=torch.float64).sub_(number)
    step = below.gather(2, images.flatten(2).amax(2, keepdim=True).long()).div_(255).floor_()
    values = below.add_(step.div(2).floor_()).div_(step.clamp(min=1)).floor_().clamp_(max=255)
    return torch.where(step > 0, values, torch.arange(256, device=images.device)).to(torch.uint8)


TABLES = {
    "brightness": _brightness,
    "contrast": _contrast,
    "posterize": _posterize,
    "solarize": _solarize,
    "solarize-add": _solarize_add,
    "autocontrast": _autocontrast,
    "equalize": _equalize,
    "invert": _invert,
}
