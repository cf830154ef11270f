"""Applying a draw: pure functions of images and what was drawn, grouped by operation.

On a CPU, compiled loops take each image through all its steps, where they are at hand (`compiled.loading`). Otherwise
torch does, a step of the whole batch at a time: the images are put in the order of their operations, so that each
operation, and each kind of operations, works in place on a slice. Moves wait in a window until an operation needs the
pixels. The pixels are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor

from policysearch.augmentation.compiled.backend import LOADER
from policysearch.augmentation.compiled.program import apply_compiled
from policysearch.augmentation.kernels.crops import nearest, resample
from policysearch.augmentation.kernels.fiducials import bend, bend_nearest
from policysearch.augmentation.kernels.lookup import look_up
from policysearch.augmentation.kernels.pixel_moves import Window, rows_a_piece
from policysearch.augmentation.kernels.projective import warp
from policysearch.augmentation.kernels.registry import ALONG_LINES, KERNELS
from policysearch.augmentation.sampling import Draw
from policysearch.policy.operations import OPERATIONS


@dataclass(frozen=True)
class Group:
    """The images of one step that take one operation: a slice of the step's order."""

    name: str
    start: int
    stop: int
    magnitude: Tensor  # [b]
    numbers: Tensor  # [b, K]
    widths: Tensor | None = None  # [b], of lines of text

    @property
    def kind(self) -> str:
        return OPERATIONS[self.name].kind

    def kernel(self, images: Tensor) -> Tensor:
        """The result of the operation's kernel for these images, `images` being all of the step."""
        arguments = (images[self.start : self.stop], self.magnitude, self.numbers)
        return KERNELS[self.name](*arguments, *([self.widths] if self.name in ALONG_LINES else []))

    def parts(self, images: Tensor) -> Iterator[Group]:
        """The group in pieces that are worked on at once."""
        for piece in _pieces(images, self.start, self.stop):
            rows = slice(piece.start - self.start, piece.stop - self.start)
            widths = None if self.widths is None else self.widths[rows]
            yield Group(self.name, piece.start, piece.stop, self.magnitude[rows], self.numbers[rows], widths)


Changes = Mapping[str, Callable[[Tensor, list[Group], int], None]]
"""By kind of operation, what changes values [B, C, H, W] in place: (values in the step's order, groups, fill)."""

_LARGE, _PART = 2**15, 2**21  # values


def apply(draw: Draw, images: Tensor) -> Tensor:
    """Apply every step of a draw to images, but neither its mixture nor its mix.

    Args:
        draw: what was drawn for these B images.
        images: [B, C, H, W] uint8, on the draw's device; left as they are.

    Returns:
        New [B, C, H, W] uint8; black where an operation shows what lies outside the image.
    """
    loops = LOADER.loops(images)
    return _in_torch(draw, images) if loops is None else apply_compiled(loops, draw, images, _in_torch)


def _in_torch(draw: Draw, images: Tensor) -> Tensor:
    return _in_parts(draw, images, partial(_walk, fill=0, changes=_CHANGES))


def track(draw: Draw, values: Tensor, fill: int) -> Tensor:
    """Move values along with the geometric steps and masks of a draw, which are the steps that move or hide pixels.

    Args:
        draw: what was drawn for these B images.
        values: [B, C, H, W] of any dtype, on the draw's device.
        fill: the value of what is hidden or comes from outside.

    Returns:
        New [B, C, H, W], nearest neighbour throughout: every value is one of the input's, or `fill`.
    """
    return _in_parts(draw, values, partial(_walk, fill=fill, changes=_TRACKED))


def _in_parts(draw: Draw, values: Tensor, walk: Callable[[Draw, Tensor], Tensor]) -> Tensor:
    """Walk large images on a CPU a few at a time, in the order of their first operations.

    The memory of one part is used again for the next; that of a whole batch is fetched from the system every time.
    """
    size = values[:1].numel()
    if values.is_cuda or size < _LARGE or size * len(values) <= _PART:
        return walk(draw, values.contiguous())
    out = torch.empty_like(values, memory_format=torch.contiguous_format)
    for part in draw.operations[:, 0].argsort().split(max(1, _PART // size)):
        for row, value in zip(part.tolist(), walk(draw.rows(part), values.index_select(0, part)), strict=True):
            out[row] = value
    return out


def _groups(draw: Draw, step: int, kinds: Collection[str]) -> tuple[Tensor, list[Group]]:
    """The step's order of images, and its operations of these kinds in that order."""
    column = draw.operations[:, step]
    order = column.argsort()
    sizes = column.bincount(minlength=len(draw.names)).tolist()
    magnitudes = draw.magnitudes[:, step].index_select(0, order).split(sizes)
    numbers = draw.numbers[:, step].index_select(0, order).split(sizes)
    widths = _split(draw.widths, order, sizes)
    stops = list(accumulate(sizes))
    groups = [
        Group(name, stop - size, stop, m, u, w)
        for name, size, stop, m, u, w in zip(draw.names, sizes, stops, magnitudes, numbers, widths, strict=True)
        if size and OPERATIONS[name].kind in kinds
    ]
    return order, groups


def _split(widths: Tensor | None, order: Tensor, sizes: list[int]) -> Sequence[Tensor | None]:
    return [None] * len(sizes) if widths is None else widths.index_select(0, order).split(sizes)


def _walk(draw: Draw, values: Tensor, fill: int, changes: Changes) -> Tensor:
    """Take the steps one after the other. `values[i]` is image `order[i]` all the way, and unsorted only at the end."""
    order = torch.arange(len(values), device=values.device)
    window: Window | None = None
    before = values
    for step in range(draw.operations.shape[1]):
        step_order, groups = _groups(draw, step, {"move", *changes})
        moves = [group for group in groups if group.kind == "move"]

        # A step of moves alone copies no pixel: moves add up in the window, which is read once when pixels are needed.
        # Only then are the images put in the step's order, which is a copy too.
        if len(moves) < len(groups):
            if window:
                values, order = window.take(values, order, fill)
            values = values.index_select(0, order.argsort().index_select(0, step_order))
            order, window = step_order, None

        # The images that move in this step wait in a new window: none of them takes another operation in it.
        if moves:
            window = window or Window(len(values), values.shape[2], values.shape[3], values.device)
            window.move(step_order[moves[0].start : moves[-1].stop], _kernels(values, moves))

        for kind, change in changes.items():
            groups_of_kind = [group for group in groups if group.kind == kind]
            if groups_of_kind:
                change(values, groups_of_kind, fill)

    if window:
        values, order = window.take(values, order, fill)
    return values.clone() if values is before else values.index_select(0, order.argsort())


def _pieces(values: Tensor, start: int, stop: int) -> Iterator[slice]:
    rows = rows_a_piece(values)
    return (slice(at, min(at + rows, stop)) for at in range(start, stop, rows))


def _kernels(values: Tensor, groups: list[Group], channels: int | None = None) -> Tensor:
    """The kernels' results for the groups' images, one after the other; with `channels`, tables for that many."""
    results = [part.kernel(values) for group in groups for part in group.parts(values)]
    return torch.cat([table.expand(-1, channels, -1) for table in results] if channels else results)


def _in_pieces(
    values: Tensor, groups: list[Group], results: Tensor, change: Callable[[Tensor, Tensor], Tensor]
) -> None:
    """Change the groups' images in place by their kernels' results, piece by piece."""
    start = groups[0].start
    for piece in _pieces(values, start, groups[-1].stop):
        values[piece] = change(values[piece], results[piece.start - start : piece.stop - start])


def _warp(values: Tensor, groups: list[Group], fill: int) -> None:
    _in_pieces(values, groups, _kernels(values, groups), partial(warp, fill=fill))


def _crop(values: Tensor, groups: list[Group], fill: int) -> None:
    _in_pieces(values, groups, _kernels(values, groups), resample)


def _crop_nearest(values: Tensor, groups: list[Group], fill: int) -> None:
    _in_pieces(values, groups, _kernels(values, groups), partial(nearest, fill=fill))


def _bend(values: Tensor, groups: list[Group], fill: int, read: Callable[[Tensor, Tensor], Tensor] = bend) -> None:
    for group in groups:
        for part in group.parts(values):
            values[part.start : part.stop] = read(values[part.start : part.stop], part.kernel(values))


def _hide(values: Tensor, groups: list[Group], fill: int) -> None:
    values[groups[0].start : groups[-1].stop].masked_fill_(_kernels(values, groups)[:, None], fill)


def _look_up(values: Tensor, groups: list[Group], fill: int) -> None:
    _in_pieces(values, groups, _kernels(values, groups, channels=values.shape[1]), look_up)


def _filter(values: Tensor, groups: list[Group], fill: int) -> None:
    for group in groups:
        for part in group.parts(values):
            values[part.start : part.stop] = part.kernel(values)


_CHANGES: Changes = {"matrix": _warp, "crop": _crop, "warp": _bend, "mask": _hide, "table": _look_up, "filter": _filter}
_TRACKED: Changes = {"matrix": _warp, "crop": _crop_nearest, "warp": partial(_bend, read=bend_nearest), "mask": _hide}
