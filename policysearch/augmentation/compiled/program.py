"""A draw as the numbers that compiled loops read, and images through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policysearch.augmentation.compiled.codes import CODES, CODES_OF_KINDS
from policysearch.augmentation.kernels.registry import KERNELS
from policysearch.augmentation.sampling import Draw
from policysearch.policy.operations import OPERATIONS

Loops = Callable[..., None]
"""`walk.walk`."""
Steps = Callable[[Draw, Tensor], Tensor]
"""What applies the steps of a draw in torch."""

_NUMBERS = 9
_SHARED = 2**21
"""Values from which a batch is shared out among threads, which costs some 100 µs each."""
_EXACT = 2**24 // 255
"""Most pixels whose sum of grey values is exact in float32, whatever its order: contrast needs their mean."""


@dataclass(frozen=True)
class Program:
    """A draw for compiled loops: codes [B, S] int64, magnitudes [B, S] and numbers [B, S, 9] float32.

    Attributes:
        others: [B, S] bool, where an operation has no loop and is left to torch; their codes are 0.
    """

    codes: NDArray[np.int64]
    magnitudes: NDArray[np.float32]
    numbers: NDArray[np.float32]
    others: NDArray[np.bool_]

    def runs(self) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        """Steps that the loops take at once, as (start, stop), and the images whose step `stop - 1` is torch's."""
        steps = self.codes.shape[1]
        ends = (np.flatnonzero(self.others.any(axis=0)) + 1).tolist()
        if not ends or ends[-1] < steps:
            ends.append(steps)
        for start, stop in pairwise([0, *ends]):
            yield start, stop, np.flatnonzero(self.others[:, stop - 1])


def program(draw: Draw, images: Tensor) -> Program:
    """Translate a draw for images [B, C, H, W]."""
    operations, magnitudes = draw.operations.numpy(), np.ascontiguousarray(draw.magnitudes.numpy())
    code_of = np.array([_code(name, images) for name in draw.names])
    codes = code_of[operations]
    numbers = np.empty((*codes.shape, _NUMBERS), np.float32)
    for index, name in enumerate(draw.names):
        if code_of[index] in CODES_OF_KINDS.values():
            rows = draw.operations == index
            _fill(numbers, rows, name, draw, images)
    return Program(np.maximum(codes, 0), magnitudes, numbers, codes < 0)


def apply_compiled(loops: Loops, draw: Draw, images: Tensor, in_torch: Steps) -> Tensor:
    """Apply every step of a draw to images [B, C, H, W] uint8 on the CPU.

    Args:
        loops: the compiled function.
        draw: what was drawn for the images.
        images: B of at least 1; left as they are.
        in_torch: what applies operations that have no loop.

    Returns:
        New [B, C, H, W] uint8.
    """
    plan = program(draw, images)
    values = images.contiguous()
    for start, stop, rows in plan.runs():
        part = Program(*(np.ascontiguousarray(table[:, start:stop]) for table in _tables(plan)))
        values = _run(loops, part, values)
        if len(rows):
            chosen = torch.from_numpy(rows)
            step = slice(stop - 1, stop)
            alone = Draw(
                draw.names,
                draw.operations[chosen, step],
                draw.magnitudes[chosen, step],
                draw.numbers[chosen, step],
                widths=None if draw.widths is None else draw.widths[chosen],
            )
            values[chosen] = in_torch(alone, values[chosen])
    return values


def _tables(plan: Program) -> tuple[NDArray[Any], ...]:
    return plan.codes, plan.magnitudes, plan.numbers, plan.others


def _run(loops: Loops, part: Program, values: Tensor) -> Tensor:
    out = torch.empty_like(values)
    arguments = (values.numpy(), out.numpy(), part.codes, part.magnitudes, part.numbers)
    threads = torch.get_num_threads()
    if threads == 1 or values.numel() < _SHARED:
        loops(*arguments, 0, len(values))
        return out
    ends = np.linspace(0, len(values), min(threads, len(values)) + 1).astype(int).tolist()
    with ThreadPoolExecutor(len(ends) - 1) as pool:
        for done in [pool.submit(loops, *arguments, start, stop) for start, stop in pairwise(ends)]:
            done.result()
    return out


def _code(name: str, images: Tensor) -> int:
    """The code of an operation, 0 for identity, -1 for what is left to torch."""
    row, (channels, height, width) = OPERATIONS[name], images.shape[1:]
    if row.kind == "identity":
        return 0
    if channels not in (1, 3) or (name == "contrast" and height * width > _EXACT):
        return -1
    return CODES.get(name, CODES_OF_KINDS.get(row.kind, -1))


def _fill(numbers: NDArray[np.float32], rows: Tensor, name: str, draw: Draw, images: Tensor) -> None:
    """Write the kernel's entries for the places [B, S] where an operation was drawn."""
    magnitudes = draw.magnitudes[rows]
    if len(magnitudes):
        shape = images[:1].expand(len(magnitudes), -1, -1, -1)
        entries = KERNELS[name](shape, magnitudes, draw.numbers[rows]).flatten(1).numpy()
        numbers[rows.numpy(), : entries.shape[1]] = entries
