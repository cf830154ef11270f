"""Shears, rotations and perspectives as matrices: output pixel (x, y, 1) -> source pixel, nearest neighbour.

A kernel takes (images [b, C, H, W], of which only the shape counts, magnitude [b] float32, numbers [b, K] in [0, 1))
and returns [b, 3, 3] float32. Conventions are torchvision's: shear about the top left corner (Pillow's shears about
pixel (0, 0), half a pixel away), rotation counter-clockwise about the centre. Where a source place falls exactly
between two pixels the result may differ from torchvision's, which goes either way as the last bit falls. A rotation's
places here all go to the later pixel then: on a diagonal at 45 and 135 degrees, and everywhere in an image turned by 90
degrees that has one side even and one odd, which so stays whole.
"""

from __future__ import annotations

import torch
from torch import Tensor

from policysearch.augmentation.kernels.pixel_moves import take_bordered

_TIE = 2.0**-10  # pixels, more than rounding errors and less than anyone sees


def _matrix(magnitude: Tensor, **entries: Tensor) -> Tensor:
    """Rows (a, b, c), (d, e, f) and (0, 0, 1), the identity where not given."""
    zero, one = torch.zeros_like(magnitude), torch.ones_like(magnitude)
    plain = {"a": one, "b": zero, "c": zero, "d": zero, "e": one, "f": zero}
    return torch.stack([*(plain | entries).values(), zero, zero, one], 1).view(-1, 3, 3)


def _shear_x(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _matrix(magnitude, b=magnitude, c=magnitude / 2)


def _shear_y(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    return _matrix(magnitude, d=magnitude, f=magnitude / 2)


def _rotate(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    angle = magnitude.deg2rad()
    cos, sin = angle.cos(), angle.sin()
    x, y = (images.shape[3] - 1) / 2, (images.shape[2] - 1) / 2
    left, up = x + _TIE - cos * x, y + _TIE - cos * y
    return _matrix(magnitude, a=cos, b=-sin, c=left.add_(sin, alpha=y), d=sin, e=cos, f=up.sub_(sin, alpha=x))


def _perspective(images: Tensor, magnitude: Tensor, numbers: Tensor) -> Tensor:
    """The image's corners go to places up to floor(magnitude · half the side) pixels inward, each drawn evenly.

    torchvision's RandomPerspective; corners are those of pixel centres, in the order top left, top right, bottom
    right, bottom left, and a corner's two numbers are (x, y). Corners that meet leave nothing to see.
    """
    height, width = images.shape[2:]
    reach = (magnitude[:, None] * torch.tensor([width // 2, height // 2], device=magnitude.device)).floor().double()
    inward = (numbers[:, :8].double().view(-1, 4, 2) * (reach[:, None] + 1)).floor()
    corners = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]], device=magnitude.device, dtype=torch.float64)
    sides = torch.tensor([width - 1, height - 1], device=magnitude.device, dtype=torch.float64)
    to_source, flat = torch.linalg.inv_ex(_square_to(corners * sides + inward * (1 - 2 * corners)))
    half = torch.eye(3, device=magnitude.device, dtype=torch.float64)
    half[:2, 2] = 0.5
    scaled: Tensor = torch.linalg.inv(half) @ torch.diag(torch.cat([sides, sides.new_ones(1)])) @ to_source @ half
    seen = (flat == 0) & scaled.isfinite().flatten(1).all(1)
    moved = torch.where(seen[:, None, None], scaled.float(), _nowhere(magnitude))
    return torch.where((reach == 0).all(1)[:, None, None], _matrix(magnitude), moved)


def _nowhere(magnitude: Tensor) -> Tensor:
    """A matrix that shows a place outside of every image."""
    far = torch.full_like(magnitude[:1], -9.0)
    return _matrix(far, a=far * 0, c=far, e=far * 0, f=far)


def _square_to(corners: Tensor) -> Tensor:
    """The homography of the unit square's corners onto corners [b, 4, 2] (x, y), [b, 3, 3] (Heckbert 1989, 2.13)."""
    p, q, r, s = corners.unbind(1)
    a, b, total = q - r, s - r, p - q + r - s
    area = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]
    g = (total[:, 0] * b[:, 1] - b[:, 0] * total[:, 1]) / area
    h = (a[:, 0] * total[:, 1] - total[:, 0] * a[:, 1]) / area
    x_axis, y_axis = q - p + g[:, None] * q, s - p + h[:, None] * s
    rows = [torch.stack([x_axis[:, i], y_axis[:, i], p[:, i]], 1) for i in (0, 1)]
    return torch.stack([*rows, torch.stack([g, h, torch.ones_like(g)], 1)], 1)


MATRICES = {"shear-x": _shear_x, "shear-y": _shear_y, "rotate": _rotate, "perspective": _perspective}


def warp(values: Tensor, matrices: Tensor, fill: int) -> Tensor:
    """values [b, C, H, W] of any dtype seen through matrices [b, 3, 3]; `fill` outside the source."""
    x, y = _sources(matrices, *values.shape[2:])
    return take_bordered(values, torch.add(x, y, alpha=values.shape[3] + 2).add_(values.shape[3] + 3).long(), fill)


def _sources(matrices: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The source column and row of every output pixel, each [b, H, W] float32, rounded half to even; what lies
    outside is at -1 or one beyond the last."""
    xs = torch.arange(width, device=matrices.device, dtype=torch.float32)
    ys = torch.arange(height, device=matrices.device, dtype=torch.float32)[:, None]
    a, b, c, d, e, f, g, h, i = matrices.flatten(1)[:, :, None, None].unbind(1)
    x, y = a * xs + (b * ys + c), d * xs + (e * ys + f)
    if bool((matrices[:, 2, :2] != 0).any()):
        depth = g * xs + (h * ys + i)
        x, y = x.div_(depth).nan_to_num_(-1), y.div_(depth).nan_to_num_(-1)
    return x.round_().clamp_(-1, width), y.round_().clamp_(-1, height)
