"""What a source gives: a list of images that can be read, not yet decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

TRAIN, VALIDATION, TEST = PARTS = ("train", "validation", "test")

_SYNONYMS = {
    **dict.fromkeys(("training", "trn"), TRAIN),
    **dict.fromkeys(("val", "valid", "dev"), VALIDATION),
    **dict.fromkeys(("testing", "tst"), TEST),
}


@dataclass(frozen=True)
class Item:
    """One image.

    Attributes:
        name: what a person finds it by: a path, or part[number].
        part: train, validation or test.
        read: gives the image, upright, and its label, 0 or more; raises whatever a damaged file makes it raise.
        group: what it must stay together with, or None.
        text: what it says, or None where that is not known.
        targets: [K] whether it has each of K labels, or K numbers; None where it has one label.
        mask: gives the class of each of its pixels, as an upright image; None where that is not known.
    """

    name: str
    part: str
    read: Callable[[], tuple[Image, int]]
    group: str | None = None
    text: str | None = None
    targets: NDArray[np.floating[Any]] | None = None
    mask: Callable[[], Image] | None = None


@dataclass(frozen=True)
class Listing:
    """A data set before it is decoded.

    Attributes:
        items: its images, in an order that does not change.
        classes: a name for each class, or for each target; None where only numbers are known.
        warnings: what a person should know of what the contents say, a sentence each.
        labelled: whether the labels are those of the images; else they are all 0.
    """

    items: Sequence[Item]
    classes: tuple[str, ...] | None
    warnings: tuple[str, ...] = ()
    labelled: bool = True

    @property
    def has_texts(self) -> bool:
        """Whether its images say something, which stands in place of a label."""
        return bool(self.items) and self.items[0].text is not None

    @property
    def has_targets(self) -> bool:
        """Whether its images have several labels, or numbers, in place of one label."""
        return bool(self.items) and self.items[0].targets is not None

    @property
    def has_masks(self) -> bool:
        """Whether its images have masks, which stand in place of a label; its classes are those of pixels."""
        return bool(self.items) and self.items[0].mask is not None


def part_called(name: str) -> str | None:
    """The part that a folder or file name such as `train`, `val` or `test` means, or None.

    Example:
        >>> part_called("Valid"), part_called("cat")
        ('validation', None)
    """
    lower = name.lower()
    part = _SYNONYMS.get(lower, lower)
    return part if part in PARTS else None


def hidden_labels(part: str) -> str:
    """The sentence for a part whose labels are not there."""
    return f"the labels of the {part} part are hidden (-1 or none): the part was left out"


def read_file(path: Path, label: int) -> tuple[Image, int]:
    """The image in a file, decoded, and its label."""
    from policysearch.datasets.image_file import read_image

    return read_image(path), label
