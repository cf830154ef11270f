"""A data set as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Dataset:
    """Images and labels; the test part is read by `evaluate` alone.

    Attributes:
        name: what it is called in tables.
        x_train: [N_train, C, H, W] uint8, C 1 or 3; that of a cached data set is memory-mapped, as is `x_test`.
        y_train: [N_train] int64, in 0..classes-1.
        x_test: [N_test, C, H, W] uint8.
        y_test: [N_test] int64.
        classes: a name for each class; without labels `("unlabelled",)`, and `("line",)` where images have texts. Where
            images have targets these are strata, which splits take in proportion, and `y_train` says which.
        validation: indices [V] int64 into the training part that the data themselves set aside, or None.
        groups: [N_train] int64; images of one group stay on one side of a split. None: each image by itself.
        warnings: what a person should know of these data, a sentence each.
        digest: a hash of all the above but the name and the warnings.
        handle: what `load.opened` takes, in another process too.
        labelled: whether the labels are those of the images; else they are all 0.
        texts_train: [N_train] what each image says, for the task text-lines; empty where there are none.
        texts_test: [N_test] likewise.
        widths_train: [N_train] how many columns of each image, from the left, hold its line; empty without texts.
        widths_test: [N_test] likewise.
        targets_train: [N_train, K] float32, 1 where an image has a label, or float64, its numbers; None where it has
            one class.
        targets_test: [N_test, K] likewise.
        target_names: of the K labels or numbers.

    Example:
        >>> images, labels = np.zeros((6, 1, 8, 8), np.uint8), np.arange(6) % 2
        >>> Dataset("dots", images, labels, images, labels, classes=("left", "right")).shape
        (1, 8, 8)
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
    labelled: bool = True
    texts_train: tuple[str, ...] = ()
    texts_test: tuple[str, ...] = ()
    widths_train: tuple[int, ...] = ()
    widths_test: tuple[int, ...] = ()
    targets_train: NDArray[np.floating[Any]] | None = None
    targets_test: NDArray[np.floating[Any]] | None = None
    target_names: tuple[str, ...] = ()

    def portable(self, test: bool = False) -> Dataset:
        """A copy with plain arrays, to be sent to another machine.

        Args:
            test: whether the test part goes along, which only `evaluate` needs; else it is empty.
        """
        rows = slice(None if test else 0)
        arrays = (self.x_train, self.y_train, self.x_test[rows], self.y_test[rows])
        x_train, y_train, x_test, y_test = (np.ascontiguousarray(np.asarray(array)) for array in arrays)
        return replace(
            self,
            x_train=x_train,
            y_train=y_train,
            x_test=x_test,
            y_test=y_test,
            texts_test=self.texts_test[rows],
            widths_test=self.widths_test[rows],
            targets_train=_plain(self.targets_train, slice(None)),
            targets_test=_plain(self.targets_test, rows),
        )

    @property
    def has_classes(self) -> bool:
        """Whether its labels are classes of the images."""
        return self.labelled and not self.texts_train and self.targets_train is None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.x_train.shape[1:]


def _plain(targets: NDArray[np.floating[Any]] | None, rows: slice) -> NDArray[np.floating[Any]] | None:
    return None if targets is None else np.ascontiguousarray(np.asarray(targets)[rows])
