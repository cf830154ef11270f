"""Every operation's kernel, by name, and `register`, by which a user adds one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from policysearch.augmentation.crops import CROPS
from policysearch.augmentation.filters import FILTERS, VISIBILITY
from policysearch.augmentation.masks import MASKS
from policysearch.augmentation.matrices import MATRICES
from policysearch.augmentation.moves import MOVES
from policysearch.augmentation.tables import TABLES
from policysearch.errors import UserError
from policysearch.operations import KINDS, OPERATIONS, Operation

__all__ = ["KERNELS", "VISIBILITY", "Kernel", "register"]

Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(images [b, C, H, W] uint8, magnitude [b] float32 with its sign, numbers [b, K] float32 in [0, 1)) -> what the
operation's kind says; image i's result must hang on row i alone. Kernels of geometry and masks see only the shape."""

KERNELS: dict[str, Kernel] = {**TABLES, **MOVES, **MATRICES, **CROPS, **FILTERS, **MASKS}

_GIVES: dict[str, tuple[tuple[object, ...], tuple[torch.dtype, ...]]] = {
    "move": ((2, 2), (torch.float32,)),
    "matrix": ((3, 3), (torch.float32,)),
    "crop": ((4,), (torch.float32,)),
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
        visibility: (images, magnitude) -> [b] float32 in [0, 1]; needed if, and only if, the row says `formula`.

    Raises:
        UserError: the name is taken, the kind unknown, or the kernel gives the wrong shape or dtype on a trial batch.
    """
    if row.name in OPERATIONS and OPERATIONS[row.name] != row:
        raise UserError(f"operation {row.name!r} exists already: choose another name")
    if row.kind not in _GIVES:
        raise UserError(f"kind of {row.name}: {row.kind!r} is none of {', '.join(k for k in KINDS if k in _GIVES)}")
    if (row.visibility == "formula") != (visibility is not None):
        raise UserError(
            f"{row.name}: a visibility function goes with visibility 'formula', which is {row.visibility!r}"
        )
    _try(row, kernel)
    OPERATIONS[row.name], KERNELS[row.name] = row, kernel
    if visibility is not None:
        VISIBILITY[row.name] = visibility


def _try(row: Operation, kernel: Kernel) -> None:
    sizes = {"C": 3, "H": 9, "W": 12}
    images = torch.zeros(2, *sizes.values(), dtype=torch.uint8)
    magnitude = torch.tensor([row.low, row.high])
    try:
        out = kernel(images, magnitude, torch.full((2, row.numbers), 0.5))
    except Exception as error:
        raise UserError(f"kernel of {row.name} fails on two black images of 3×9×12: {error}") from error
    shape, dtypes = _GIVES[row.kind]
    expected = (2, *(sizes.get(str(side), side) for side in shape))
    given = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    fits = given == expected or (row.kind == "table" and given == (2, 1, 256))
    if not fits or out.dtype not in dtypes:
        names = ", ".join(str(side) for side in ("b", *shape))
        raise UserError(f"kernel of {row.name} must give [{names}] {dtypes[0]} ({row.kind}), it gave {given}")
