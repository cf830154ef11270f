"""Every operation's kernel, by name, and `register`, by which a user adds one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from policysearch.augmentation.kernels.crops import CROPS
from policysearch.augmentation.kernels.fiducials import WARPS
from policysearch.augmentation.kernels.filters import FILTERS, VISIBILITY
from policysearch.augmentation.kernels.glyphs import GLYPHS
from policysearch.augmentation.kernels.lookup import TABLES
from policysearch.augmentation.kernels.masks import MASKS
from policysearch.augmentation.kernels.pixel_moves import MOVES
from policysearch.augmentation.kernels.projective import MATRICES
from policysearch.augmentation.policy_tensors import compiled
from policysearch.core.errors import UserError
from policysearch.policy.operations import KINDS, OPERATIONS, SHIPPED_OPERATIONS, Operation

Kernel = Callable[..., Tensor]
"""(images [b, C, H, W] uint8, magnitude [b] float32 with its sign, numbers [b, K] float32 in [0, 1)) -> what the
operation's kind says; image i's result must depend on row i alone, and the images stay as they are. Kernels of geometry
and masks see only the shape."""

KERNELS: dict[str, Kernel] = {**TABLES, **MOVES, **MATRICES, **CROPS, **WARPS, **FILTERS, **GLYPHS, **MASKS}
ALONG_LINES = frozenset({*WARPS, *GLYPHS, "line-bands", "line-strokes"})
"""Operations whose kernels take a fourth argument, how many columns of each image hold its line of text, [b] float32;
None: all of them."""

_GIVES: dict[str, tuple[tuple[object, ...], tuple[torch.dtype, ...]]] = {
    "move": ((2, 2), (torch.float32,)),
    "matrix": ((3, 3), (torch.float32,)),
    "crop": ((4,), (torch.float32,)),
    "warp": ((2, "H", "W"), (torch.float32,)),
    "mask": (("H", "W"), (torch.bool,)),
    "table": (("C", 256), (torch.uint8,)),
    "filter": (("C", "H", "W"), (torch.uint8,)),
}


def register(row: Operation, kernel: Kernel, visibility: Callable[[Tensor, Tensor], Tensor] | None = None) -> None:
    """Add an operation: its row of the table and its kernel.

    From then on policies, spaces and `augment` know it. Worker processes know what they import: name the module
    that registers it as `--operations` of a search.

    Args:
        row: the row; its name must be new (registering the same row again, as a reload does, replaces its kernel).
        kernel: what makes its pixels; see `Kernel`, and `KINDS` for what each kind gives.
        visibility: (images, magnitude) -> [b] float32 in [0, 1], for a filter. One without it counts as losing
            nothing, and softening does not see it.

    Raises:
        UserError: the name is taken, the kind unknown, or kernel or visibility break their contract on trial images.

    Example:
        >>> from policysearch import Operation, Policy, augment, register
        >>> register(Operation("half-dark", "filter"), lambda images, magnitude, numbers: images // 2)
        >>> policy = Policy.from_dict({"sub_policies": [{"steps": [{"operation": "half-dark"}]}]})
        >>> images, labels = torch.full((1, 3, 8, 8), 200, dtype=torch.uint8), torch.tensor([0])
        >>> out = augment(policy, images, labels, num_classes=2, generator=torch.Generator())
        >>> int(out.images.max())
        100
    """
    if row.kind not in _GIVES:
        raise UserError(f"kind of {row.name}: {row.kind!r} is none of {', '.join(k for k in KINDS if k in _GIVES)}")
    if visibility is not None:
        row = replace(row, visibility="formula")
    elif row.visibility == "formula":
        raise UserError(f"{row.name}: its visibility is a formula: give the function as `visibility`")
    if row.name in SHIPPED_OPERATIONS or OPERATIONS.get(row.name, row) != row:
        raise UserError(f"operation {row.name!r} exists already: choose another name")
    for channels in (1, 3):
        for high in (row.high, -row.high) if row.signed else (row.high,):
            _try(row, kernel, visibility, channels, torch.tensor([row.low, high]))
    OPERATIONS[row.name], KERNELS[row.name] = row, kernel
    compiled.cache_clear()
    if visibility is not None:
        VISIBILITY[row.name] = visibility


def _try(
    row: Operation,
    kernel: Kernel,
    visibility: Callable[[Tensor, Tensor], Tensor] | None,
    channels: int,
    magnitude: Tensor,
) -> None:
    images = (torch.arange(2 * channels * 9 * 12) % 251).to(torch.uint8).view(2, channels, 9, 12)
    before, numbers = images.clone(), torch.full((2, row.numbers), 0.5)
    try:
        out = kernel(images, magnitude, numbers)
        alone = kernel(images[:1], magnitude[:1], numbers[:1])
        seen = torch.ones(2) if visibility is None else visibility(images, magnitude)
    except (Exception, SystemExit) as error:  # a user's own functions may raise anything
        raise UserError(f"kernel of {row.name} fails on two images of {channels}×9×12: {error}") from error
    _check_shape(row, out, {"C": channels, "H": 9, "W": 12})
    in_range = isinstance(seen, Tensor) and seen.shape == (2,) and bool(((seen >= 0) & (seen <= 1)).all())
    whole = row.kind != "move" or bool((out[:, :, 0].abs() == 1).all() and (out == out.round()).all())
    checks = {
        "changes the images it is given: let it work on a copy": torch.equal(images, before),
        "gives an image another result alone than in a batch, or each time": torch.equal(out[:1], alone),
        "must move by scales of 1 or -1 and whole pixels: a zoom is a matrix or a crop": whole,
        "needs a visibility that is [b], from 0 to 1": in_range,
    }
    broken = [rule for rule, holds in checks.items() if not holds]
    if broken:
        raise UserError(f"kernel of {row.name} {broken[0]}")


def _check_shape(row: Operation, out: object, sizes: dict[str, int]) -> None:
    shape, dtypes = _GIVES[row.kind]
    expected = (2, *(sizes.get(str(side), side) for side in shape))
    actual = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    fits = actual == expected or (row.kind == "table" and actual == (2, 1, 256))
    if not fits or not isinstance(out, Tensor) or out.dtype not in dtypes:
        names = ", ".join(str(side) for side in ("b", *shape))
        raise UserError(f"kernel of {row.name} must give [{names}] {dtypes[0]} ({row.kind}), it gave {actual}")
