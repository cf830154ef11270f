"""What is below a folder: its images, and what is no data and is passed over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from policysearch.core.errors import UserError

IMAGE_SUFFIXES = frozenset(
    [
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".j2k"),
        *(".png", ".apng", ".gif", ".webp", ".avif", ".bmp", ".dib"),
        *(".tif", ".tiff", ".tga", ".ppm", ".pgm", ".pbm", ".pnm"),
    ]
)
"""Endings of files that are read as images, in lower case."""

_NO_DATA = frozenset(
    [
        "__macosx",  # what macOS puts into archives
        "__pycache__",
        "@eadir",  # thumbnails of network storage
        "@recycle",
        "@recently-snapshot",
        "#recycle",
        "$recycle.bin",
        "lost+found",
        "system volume information",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "icon\r",
    ]
)
"""Names, in lower case, of files and folders that programs leave behind; those that begin with a dot are such too."""


@dataclass(frozen=True)
class Folder:
    """A folder and all that is below it, links to other folders included.

    Attributes:
        path: where it is.
        folders: its sub-folders by name, in the order of the names.
        images: its own images, without those of its sub-folders.
        others: how many of its own files are no images, by their ending in lower case ("" without one).
    """

    path: Path
    folders: Mapping[str, Folder]
    images: tuple[Path, ...]
    others: Counter[str]

    @cached_property
    def holding(self) -> Mapping[str, Folder]:
        """The sub-folders that have images, at whatever depth."""
        return {name: folder for name, folder in self.folders.items() if folder.has_images}

    @cached_property
    def has_images(self) -> bool:
        """Whether there is an image, at whatever depth."""
        return bool(self.images or self.holding)

    def all_images(self) -> list[Path]:
        """The images at whatever depth, in the order of their paths."""
        return sorted(image for folder in self.walk() for image in folder.images)

    def all_others(self) -> Counter[str]:
        """How many files are no images, at whatever depth, by their ending."""
        return sum((folder.others for folder in self.walk()), Counter())

    def walk(self) -> Iterator[Folder]:
        """This folder and all below it."""
        yield self
        for folder in self.folders.values():
            yield from folder.walk()


DEEPEST = 64
"""Folders within folders that are followed."""


def is_left_behind(name: str) -> bool:
    """Whether a file or folder of that name is no data: a program left it there."""
    return name.startswith(".") or name.lower() in _NO_DATA


def scan(path: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Folder:
    """Read a folder's tree.

    Args:
        path: the folder.
        above: device and inode of the folders that it is in: a link back to one of them is not followed.

    Raises:
        UserError: folders are nested more than 64 deep.
        OSError: a folder cannot be listed.
    """
    if len(above) > DEEPEST:
        raise UserError(f"folders are nested more than {DEEPEST} deep: {path}")
    state = path.stat()
    here = above | {(state.st_dev, state.st_ino)}
    folders: dict[str, Folder] = {}
    images: list[Path] = []
    others: Counter[str] = Counter()

    with os.scandir(path) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)

    for entry in entries:
        if is_left_behind(entry.name):
            continue
        if entry.is_dir():
            below = entry.stat()
            if (below.st_dev, below.st_ino) not in here:
                folders[entry.name] = scan(path / entry.name, here)
        elif entry.is_file() or entry.is_symlink():  # a link that leads nowhere is reported when it is read
            suffix = os.path.splitext(entry.name)[1].lower()
            if suffix in IMAGE_SUFFIXES:
                images.append(path / entry.name)
            else:
                others[suffix] += 1
    return Folder(path, folders, tuple(images), others)
