"""Lines of text bent by moving points on their edges: distort, stretch and perspective of Luo et al. 2020.

Fiducial points lie on the top and bottom edges of a line, at the ends of its three equal segments. Each is moved, and
every pixel of the result is read from where the moving least squares of these moves lead (section 3.2 of "Learn to
Augment: Joint Data Augmentation and Network Optimization for Text Recognition"). The paper has N = 3 segments and moves
points by up to R = 10 of 32 pixels, the magnitude 0.3 here.

A kernel takes (images [b, C, H, W], of which only the shape counts, magnitude [b] float32, numbers [b, K] in [0, 1),
widths [b] float32: how many columns from the left hold the line, None: all) and returns [b, 2, H, W] float32: the row
and the column that each pixel is read from, within the line. Columns beyond the line stay as they are.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SEGMENTS = 3
_NEAREST_POINT = 0.45  # of a segment, the furthest along the line: neighbours do not pass each other
_TINY = 1e-6  # pixels², of a pixel at a fiducial point


def on_line(images: Tensor, widths: Tensor | None) -> Tensor:
    """[b or 1, W] bool of images [b, C, H, W]: whether a column holds the line."""
    columns = torch.arange(images.shape[3], device=images.device)[None]
    return columns >= 0 if widths is None else columns < widths[:, None]


def fiducial_points(images: Tensor, widths: Tensor | None, segments: int = SEGMENTS) -> Tensor:
    """[b, 2 · (segments + 1), 2] float32, (y, x) of pixel centres: the top edge from the left, then the bottom edge."""
    height = images.shape[2]
    last = _widths(images, widths) - 1
    x = last[:, None] * torch.linspace(0, 1, segments + 1, device=images.device)
    top = torch.stack([torch.zeros_like(x), x], 2)
    return torch.cat([top, top + torch.tensor([height - 1.0, 0.0], device=images.device)], 1)


def _widths(images: Tensor, widths: Tensor | None) -> Tensor:
    full = torch.full((len(images),), float(images.shape[3]), device=images.device)
    return full if widths is None else torch.minimum(widths.to(full), full)


def sources(images: Tensor, points: Tensor, moves: Tensor, widths: Tensor | None) -> Tensor:
    """Where each pixel is read from when `points` [b, P, 2] have moved by `moves` [b, P, 2] pixels, [b, 2, H, W].

    Moving least squares with weights w = 1/d² and similarities (Schaefer et al. 2006, section 2.2), from the result
    back to the image: a pixel v is read from v + e* - l·(p* - v), p the moved points and e the way back of each. A star
    is the average by w, and l the similarity as a complex number, l = Σ w conj(p - p*) e / Σ w |p - p*|². At a moved
    point that is where the point was; where nothing moves it is v.
    """
    height, width = images.shape[2:]
    ys = torch.arange(height, device=points.device, dtype=torch.float32)[:, None]
    xs = torch.arange(width, device=points.device, dtype=torch.float32)
    shape = (len(points), height, width)
    weight, to_y, to_x, back_y, back_x, dot, cross = (torch.zeros(shape, device=points.device) for _ in range(7))

    # One point after the other, as sums over a batch may be rounded otherwise than those over a single image.
    for (y, x), (move_y, move_x) in zip(_coordinates(points + moves), _coordinates(-moves), strict=True):
        from_y, from_x = y - ys, x - xs
        w = torch.add(from_y.square(), from_x.square()).clamp_(min=_TINY).reciprocal_()
        weight += w
        to_y.addcmul_(w, from_y)
        to_x.addcmul_(w, from_x)
        back_y.addcmul_(w, move_y)
        back_x.addcmul_(w, move_x)
        dot.addcmul_(w, from_x * move_x + from_y * move_y)
        cross.addcmul_(w, from_x * move_y - from_y * move_x)

    for total in (to_y, to_x, back_y, back_x, dot, cross):
        total.div_(weight)
    spread = (points.shape[1] / weight - to_y.square() - to_x.square()).clamp_(min=_TINY**2)
    real = (dot - to_x * back_x - to_y * back_y).div_(spread)
    imaginary = (cross - to_x * back_y + to_y * back_x).div_(spread)
    x = xs + back_x - (real * to_x - imaginary * to_y)
    y = ys + back_y - (real * to_y + imaginary * to_x)
    return _within(images, y, x, widths)


def _coordinates(pairs: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The (y, x) of each point for the images of a batch, [b, 1, 1] each."""
    return [(pair[:, 0, None, None], pair[:, 1, None, None]) for pair in pairs.unbind(1)]


def _within(images: Tensor, y: Tensor, x: Tensor, widths: Tensor | None) -> Tensor:
    """Places cut off at the line's edges, and those of columns beyond the line as they are."""
    height, width = images.shape[2:]
    last = (_widths(images, widths) - 1)[:, None, None]
    y, x = y.clamp_(0, height - 1), torch.minimum(x.clamp_(min=0), last)
    if widths is None:
        return torch.stack([y, x], 1)
    line = on_line(images, widths)[:, None]
    ys = torch.arange(height, device=y.device, dtype=torch.float32)[:, None]
    xs = torch.arange(width, device=x.device, dtype=torch.float32)
    return torch.stack([torch.where(line, y, ys), torch.where(line, x, xs)], 1)


def _segment(images: Tensor, widths: Tensor | None) -> Tensor:
    """The length of a segment, [b] pixels."""
    return (_widths(images, widths) - 1) / SEGMENTS


def _line_distort(images: Tensor, magnitude: Tensor, numbers: Tensor, widths: Tensor | None = None) -> Tensor:
    """All eight points move by up to `magnitude` heights along both axes, each evenly; along the line not so far that
    neighbours meet."""
    reach = magnitude * images.shape[2]
    across = torch.minimum(reach, _NEAREST_POINT * _segment(images, widths))
    moves = (2 * numbers[:, :16].reshape(-1, 8, 2) - 1) * torch.stack([reach, across], 1)[:, None]
    return sources(images, fiducial_points(images, widths), moves, widths)


def _line_stretch(images: Tensor, magnitude: Tensor, numbers: Tensor, widths: Tensor | None = None) -> Tensor:
    """The two inner points of the top edge move along the line by up to `magnitude` segments, those of the bottom edge
    with them; the ends stay."""
    moved = (2 * numbers[:, :2] - 1) * (magnitude * _segment(images, widths))[:, None]
    across = F.pad(moved, (1, 1)).repeat(1, 2)
    moves = torch.stack([torch.zeros_like(across), across], 2)
    return sources(images, fiducial_points(images, widths), moves, widths)


def _line_perspective(images: Tensor, magnitude: Tensor, numbers: Tensor, widths: Tensor | None = None) -> Tensor:
    """The four ends move up or down into the line by up to `magnitude` heights, each evenly; one segment."""
    reach = (magnitude * (images.shape[2] - 1))[:, None]
    down = numbers[:, :4] * reach * torch.tensor([1.0, 1.0, -1.0, -1.0], device=images.device)
    moves = torch.stack([down, torch.zeros_like(down)], 2)
    return sources(images, fiducial_points(images, widths, segments=1), moves, widths)


WARPS = {
    "line-distort": _line_distort,
    "line-stretch": _line_stretch,
    "line-perspective": _line_perspective,
}


def bend(images: Tensor, places: Tensor) -> Tensor:
    """images [b, C, H, W] uint8 read at places [b, 2, H, W] (row, column) within them, bilinear, rounded."""
    height, width = images.shape[2:]
    y, x = places.unbind(1)
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], 3)
    pixels = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
    return pixels.round_().clamp_(0, 255).to(torch.uint8)


def bend_nearest(values: Tensor, places: Tensor) -> Tensor:
    """values [b, C, H, W] of any dtype read at the pixels nearest to `places`."""
    y, x = places.round().long().unbind(1)
    index = torch.add(x, y, alpha=values.shape[3]).flatten(1)[:, None].expand(-1, values.shape[1], -1)
    return values.flatten(2).gather(2, index).view(values.shape)
