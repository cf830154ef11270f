"""Every operation's kernel, by name, and `register`, by which a user adds one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
        visibility: (images, magnitude) -> [b] float32 in [0, 1], for an operation whose visibility is a formula.
            A filter without one counts as losing nothing, and softening does not see it.

    Raises:
        UserError: the name is taken, the kind unknown, or the kernel gives the wrong shape or dtype on a trial batch.
    """
    if row.kind not in _GIVES:
        raise UserError(f"kind of {row.name}: {row.kind!r} is none of {', '.join(k for k in KINDS if k in _GIVES)}")
    if visibility is not None:
        row = replace(row, visibility="formula")
    elif row.visibility == "formula":
        raise UserError(f"{row.name}: its visibility is a formula: give the function as `visibility`")
    if row.name in OPERATIONS and OPERATIONS[row.name] != row:
        raise UserError(f"operation {row.name!r} exists already: choose another name")
    _try(row, kernel)
    OPERATIONS[row.name], KERNELS[row.name] = row, kernel
    if visibility is not None:
        VISIBILITY[row.name] = visibility


def _try(row: Operation, kernel: Kernel) -> None:
    images = (torch.arange(2 * 3 * 9 * 12) % 251).to(torch.uint8).view(2, 3, 9, 12)
    before, magnitude, numbers = images.clone(), torch.tensor([row.low, row.high]), torch.full((2, row.numbers), 0.5)
    try:
        out = kernel(images, magnitude, numbers)
        alone = kernel(images[:1], magnitude[:1], numbers[:1])
    except Exception as error:
        raise UserError(f"kernel of {row.name} fails on two images of 3×9×12: {error}") from error
    _check_shape(row, out)
    if not torch.equal(images, before):
        raise UserError(f"kernel of {row.name} changes the images it is given: let it work on a copy")
    if not torch.equal(out[:1], alone):
        raise UserError(f"kernel of {row.name} gives an image another result alone than in a batch")
    if row.kind == "move" and not (out[:, :, 0].abs() == 1).all():
        raise UserError(f"kernel of {row.name} must move by scales of 1 or -1: a zoom is a matrix or a crop")


def _check_shape(row: Operation, out: object) -> None:
    sizes = {"C": 3, "H": 9, "W": 12}
    shape, dtypes = _GIVES[row.kind]
    expected = (2, *(sizes.get(str(side), side) for side in shape))
    given = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
    fits = given == expected or (row.kind == "table" and given == (2, 1, 256))
    if not fits or not isinstance(out, Tensor) or out.dtype not in dtypes:
        names = ", ".join(str(side) for side in ("b", *shape))
        raise UserError(f"kernel of {row.name} must give [{names}] {dtypes[0]} ({row.kind}), it gave {given}")
