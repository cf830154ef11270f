"""What masks show: the classes of their pixels, and what about them cannot be learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.masks import IGNORE
from policysearch.core.readable import counted, readable_name, some
from policysearch.datasets.source import TRAIN

MASK = ("mask",)
"""The classes of a data set of masks: there are none of whole images to tell apart."""
WHITE = "masks have no values but 0 and 255: 255 is read as class 1, not as a pixel without a class"
_VALUES = 256
_SHOWN = 5


@dataclass(frozen=True)
class Shown:
    """The masks of a data set.

    Attributes:
        names: what a person finds each by.
        masks: [N, H, W] uint8.
        classes: their names, or None where only numbers are known.
    """

    names: Sequence[str]
    masks: NDArray[np.uint8]
    classes: tuple[str, ...] | None

    def pixels_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """[256]: how many pixels of some masks have each value."""
        counts = np.zeros(_VALUES, np.int64)
        for row in rows:
            counts += np.bincount(self.masks[row].ravel(), minlength=_VALUES)
        return counts

    def named_classes(self, rows: NDArray[np.int64]) -> tuple[str, ...]:
        """A name for each class: the given ones, or the numbers up to the highest that training masks show.

        Args:
            rows: of the training part.

        Raises:
            UserError: the training masks show fewer than two classes, or a mask shows one that has no name.
        """
        counts = self.pixels_of(rows)[:IGNORE]
        numbers = np.flatnonzero(counts)
        if len(numbers) < 2:
            which = f"the class {numbers[0]} alone" if len(numbers) else "no class"
            raise UserError(f"the training masks show {which}; a search needs two or more")
        if self.classes is None:
            return tuple(map(str, range(int(numbers[-1]) + 1)))
        return tuple(map(readable_name, self.classes))

    def must_be_named(self, classes: Sequence[str]) -> None:
        """Check that masks show these classes alone.

        Raises:
            UserError: one shows another; the message names it.
        """
        for name, mask in zip(self.names, self.masks, strict=True):
            beyond = mask[(mask >= len(classes)) & (mask != IGNORE)]
            if beyond.size:
                raise UserError(
                    f"the mask of {name} has class {beyond[0]}, but there are {len(classes)} classes "
                    f"(0 to {len(classes) - 1}); {IGNORE} stands for a pixel without a class"
                )


def mask_classes(shown: Shown, parts: Mapping[str, NDArray[np.int64]]) -> tuple[tuple[str, ...], list[str]]:
    """The classes of pixels, and what a person should know of them, a sentence each.

    Args:
        shown: all masks.
        parts: rows by part, train among them.

    Raises:
        UserError: the training masks show fewer than two classes, or a mask shows one that has no name, or that no
            training mask shows.
    """
    classes = shown.named_classes(parts[TRAIN])
    shown.must_be_named(classes)
    counts = {part: shown.pixels_of(rows) for part, rows in parts.items()}
    notes = _unseen(classes, counts)
    empty = [shown.names[i] for i in np.concatenate(list(parts.values())) if (shown.masks[i] == IGNORE).all()]
    if empty:
        number = counted(len(empty), "mask has", "masks have")
        notes.append(f"{number} no pixel with a class: {some(empty, _SHOWN)}")
    return classes, notes


def _unseen(classes: Sequence[str], counts: Mapping[str, NDArray[np.int64]]) -> list[str]:
    """A sentence on classes without training pixels, and one on those of other parts that are among these."""
    empty = np.flatnonzero(counts[TRAIN][: len(classes)] == 0).tolist()
    if not empty:
        return []
    listed = some([repr(classes[k]) for k in empty], _SHOWN)
    notes = [f"no training mask shows {counted(len(empty), 'class', 'classes')} of {len(classes)}: {listed}"]
    for part, pixels in counts.items():
        strange = [repr(classes[k]) for k in empty if pixels[k]]
        if strange:
            notes.append(
                f"{part} images show {some(strange, _SHOWN)}, which cannot be learned and counts 0 in the mean "
                "over classes"
            )
    return notes
