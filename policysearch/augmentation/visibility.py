"""How much of each source image can still be seen after a draw."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from policysearch.augmentation.apply import Group, apply, track
from policysearch.augmentation.kernels.filters import VISIBILITY
from policysearch.augmentation.kernels.lookup import counts
from policysearch.augmentation.kernels.pixel_moves import Window
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.augmentation.sampling import Draw
from policysearch.policy.operations import OPERATIONS

_PART = 2**21  # pixels tracked at once


def visibility(draw: Draw, images: Tensor) -> Tensor:
    """The visibility of each image after the draw's steps (not its mixture and mix), [B] float32 in [0, 1].

    The product of two parts. Geometric steps and masks: the share of the source's pixels still there, counted, not
    estimated: an image of pixel indices goes through the same steps, and the distinct indices left are counted.
    The other steps: the product of each one's own visibility, as the table of operations says: the grey values'
    entropy after a table over that before, both in bits over all channels; a filter's formula; or 1.

    Args:
        draw: what was drawn for these images.
        images: [B, C, H, W] uint8, before the draw.
    """
    seen = _counted(draw, *images.shape[2:])
    rules = {OPERATIONS[name].visibility for name in draw.names}
    return seen * _computed(draw, images) if rules & _RULES.keys() else seen


def only(draw: Draw, names: Collection[str]) -> Draw:
    """The draw with every operation that is not in `names` left out."""
    remaining = ("identity", *(name for name in draw.names[1:] if name in names))
    place = [remaining.index(name) if name in remaining else 0 for name in draw.names]
    operations = torch.tensor(place, device=draw.operations.device)[draw.operations]
    return replace(draw, names=remaining, operations=operations)


def _counted(draw: Draw, height: int, width: int) -> Tensor:
    kinds = {OPERATIONS[name].kind for name in draw.names if OPERATIONS[name].visibility == "counted"}
    if kinds <= {"move"}:
        return _window(draw, height, width).visible()
    rows = torch.arange(len(draw), device=draw.operations.device)
    parts = [_tracked(draw.rows(part), height, width) for part in rows.split(max(1, _PART // (height * width or 1)))]
    return torch.cat(parts)


def _tracked(draw: Draw, height: int, width: int) -> Tensor:
    batch, pixels = len(draw), height * width
    index = torch.arange(pixels, device=draw.operations.device, dtype=torch.int32)
    left = track(draw, index.repeat(batch, 1).view(batch, 1, height, width), fill=-1).view(batch, pixels)
    seen = torch.zeros(batch, pixels + 1, device=index.device)
    return seen.scatter_(1, left.long() + 1, 1.0)[:, 1:].mean(1)


def _window(draw: Draw, height: int, width: int) -> Window:
    window = Window(len(draw), height, width, draw.operations.device)
    shape = torch.empty(0, 1, height, width, device=draw.operations.device)
    for step in range(draw.operations.shape[1]):
        for index, name in enumerate(draw.names):
            rows = (draw.operations[:, step] == index).nonzero().flatten()
            if len(rows) and OPERATIONS[name].kind == "move":
                moves = KERNELS[name](shape, draw.magnitudes[rows, step], draw.numbers[rows, step])
                window.move(rows, moves)
    return window


def _computed(draw: Draw, images: Tensor) -> Tensor:
    """[B]: the product, over the steps that are not geometric, of the share that each keeps.

    Only images that take such a step are looked at, and only as they are before the last one they take.
    """
    out = torch.ones(len(images), device=images.device)
    ruled = torch.tensor([_rule(name) is not None for name in draw.names], device=out.device)[draw.operations]  # [B, S]
    rows, values, taken = torch.arange(len(images), device=out.device), images, 0

    for step in ruled.any(0).nonzero().flatten().tolist():
        left = ruled[rows, step:].any(1).nonzero().flatten()
        rows, values = rows.index_select(0, left), values.index_select(0, left)
        if step > taken:
            values, taken = apply(draw.rows(rows).steps(taken, step), values), step
        for rule, group, places in _ruled_groups(draw.rows(rows), step):
            out[rows[places]] *= rule(group, values.index_select(0, places))
    return out.clamp_(0, 1)


def _ruled_groups(draw: Draw, step: int) -> Iterator[tuple[_Rule, Group, Tensor]]:
    """A step's operations that have a rule: the rule, the operation's images as a group alone, and their places."""
    for index, name in enumerate(draw.names):
        rule = _rule(name)
        places = (draw.operations[:, step] == index).nonzero().flatten()
        if rule and len(places):
            chosen = draw.rows(places)
            arguments = (chosen.magnitudes[:, step], chosen.numbers[:, step], chosen.widths)
            yield rule, Group(name, 0, len(places), *arguments), places


def _formula(group: Group, values: Tensor) -> Tensor:
    return VISIBILITY[group.name](values[group.start : group.stop], group.magnitude)


def _information(group: Group, values: Tensor) -> Tensor:
    """H(T(x)) / H(x), the share of the grey values' information that a table T keeps; 1 for a flat image."""
    before = counts(values[group.start : group.stop])
    table = group.kernel(values).expand(before.shape).long()
    after = torch.zeros_like(before).scatter_add_(2, table, before)
    all_of_it = _entropy(before)
    return torch.where(all_of_it > 0, _entropy(after) / all_of_it.clamp(min=1e-9), 1.0).clamp_(0, 1)


def _entropy(number: Tensor) -> Tensor:
    """[b, C, 256] counts -> [b] bits, summed over channels."""
    share = number.float() / number.sum(2, keepdim=True)
    return -(share * share.clamp(min=1e-12).log2()).sum((1, 2))


_Rule = Callable[[Group, Tensor], Tensor]
"""(a group of all images, the images [b, C, H, W] before its operation) -> the share [b] that the operation keeps."""
_RULES: dict[str, _Rule] = {"formula": _formula, "information": _information}


def _rule(name: str) -> _Rule | None:
    return _RULES.get(OPERATIONS[name].visibility or "")
