"""What a source gives: a list of images that can be read, not yet decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

TRAIN, VALIDATION, TEST = PARTS = ("train", "validation", "test")

_CALLED = {"training": TRAIN, "val": VALIDATION, "valid": VALIDATION, "dev": VALIDATION, "testing": TEST}


@dataclass(frozen=True)
class Item:
    """One image.

    Attributes:
        name: what a person finds it by: a path, or part[number].
        part: train, validation or test.
        read: gives the image and its label, 0 or more; raises whatever a damaged file makes it raise.
        group: what it must stay together with, or None.
    """

    name: str
    part: str
    read: Callable[[], tuple[Image, int]]
    group: str | None = None


@dataclass(frozen=True)
class Listing:
    """A data set before it is decoded.

    Attributes:
        items: its images, in an order that does not change.
        classes: a name a class, or None where only numbers are known.
    """

    items: Sequence[Item]
    classes: tuple[str, ...] | None


def part_called(name: str) -> str | None:
    """The part that a folder or file name such as `train`, `val` or `test` means, or None."""
    lower = name.lower()
    part = _CALLED.get(lower, lower)
    return part if part in PARTS else None


def read_file(path: Path, label: int) -> tuple[Image, int]:
    """The image in a file, decoded."""
    from PIL import Image as images

    with images.open(path) as image:
        image.load()
        return image, label
