"""A data set as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from policysearch.core.tasks import NO_DATA

_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True)
class Dataset:
    """Images and labels; the test part is read by `evaluate` alone.

    Attributes:
        name: what it is called in tables.
        x_train: [N_train, C, H, W] uint8, C 1 or 3; that of a cached data set is memory-mapped, as is `x_test`.
        y_train: [N_train] int64, in 0..classes-1.
        x_test: [N_test, C, H, W] uint8.
        y_test: [N_test] int64.
        classes: a name for each class; without labels `("unlabelled",)`, `("line",)` where images have texts, and
            `("mask",)` where they have masks. Where images have targets these are strata, which splits take in
            proportion, and `y_train` says which.
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
        masks_train: [N_train, H, W] uint8, the class of each pixel, or 255 for none, for the task segmentation; None
            where there are no masks. Memory-mapped as the images are.
        masks_test: [N_test, H, W] likewise.
        mask_classes: a name for each class of pixels; empty without masks.

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
    masks_train: NDArray[np.uint8] | None = None
    masks_test: NDArray[np.uint8] | None = None
    mask_classes: tuple[str, ...] = ()

    def portable(self, test: bool = False) -> Dataset:
        """A copy with plain arrays, to be sent to another machine.

        Args:
            test: whether the test part goes along, which only `evaluate` needs; else it is empty.
        """
        rows = slice(None if test else 0)
        return replace(
            self,
            x_train=_plain(self.x_train),
            y_train=_plain(self.y_train),
            x_test=_plain(self.x_test[rows]),
            y_test=_plain(self.y_test[rows]),
            texts_test=self.texts_test[rows],
            widths_test=self.widths_test[rows],
            targets_train=None if self.targets_train is None else _plain(self.targets_train),
            targets_test=None if self.targets_test is None else _plain(self.targets_test[rows]),
            masks_train=None if self.masks_train is None else _plain(self.masks_train),
            masks_test=None if self.masks_test is None else _plain(self.masks_test[rows]),
        )

    @property
    def is_absent(self) -> bool:
        """Whether there are no images here: those of a training function that reads its own."""
        return self.handle == NO_DATA

    @property
    def has_classes(self) -> bool:
        """Whether its labels are classes of the images."""
        others = self.texts_train or self.mask_classes or self.targets_train is not None
        return self.labelled and not others

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.x_train.shape[1:]


def _plain(array: NDArray[_Number]) -> NDArray[_Number]:
    """The values in memory of their own, not mapped from a file."""
    return np.ascontiguousarray(np.asarray(array))
