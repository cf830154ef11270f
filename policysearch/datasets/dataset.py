"""A data set as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset"]


@dataclass(frozen=True)
class Dataset:
    """Images [N, C, H, W] uint8 and labels [N] int64 in 0..classes-1; the test part is read by `evaluate` alone.

    Attributes:
        name: what it is called in tables.
        x_train, y_train, x_test, y_test: images and labels; those of a cached data set are memory-mapped.
        classes: a name a class.
        validation: indices [V] int64 into the training part that the data themselves set aside, or None.
        groups: [N_train] int64; images of one group stay on one side of a split. None: each for itself.
        warnings: what a person should know of these data, a sentence each.
        digest: a hash of all the above but the name.
        handle: what `opened` takes, in another process too.
    """

    name: str
    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]
    classes: tuple[str, ...]
    validation: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    warnings: tuple[str, ...] = ()
    digest: str = ""
    handle: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.x_train.shape[1:]
