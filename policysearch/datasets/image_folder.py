"""A folder of images, a sub-folder for each class."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.core.readable import counted, readable_name
from policysearch.datasets.folder_layout import Layout, layout_of, unlabelled_layout_of
from policysearch.datasets.folder_tree import IMAGE_SUFFIXES, Folder, scan
from policysearch.datasets.segmentation.mask_folder import has_masks
from policysearch.datasets.source import TRAIN, Item, Listing, read_file

CLASS_NAMES = "policysearch-classes.json"
"""The file in a folder of images that names its classes otherwise than their folders do."""


class ImageFolder:
    """A folder of images, laid out in one of the ways of `folder_layout`; it is looked through once.

    A file `policysearch-classes.json` in it, {folder: name}, has other names for its classes than their folders'.

    Args:
        path: the folder.
        tree: what is below it, where that is known already: the contents of an archive, say.
        labels: whether there must be class folders; else images without are taken, without labels.
    """

    def __init__(self, path: Path, tree: Folder | None = None, labels: bool = True) -> None:
        self.path = path
        self._labels = labels
        self._contents = tree

    @cached_property
    def _tree(self) -> Folder:
        return scan(self.path) if self._contents is None else self._contents

    @cached_property
    def _layout(self) -> Layout:
        if has_masks(self._tree):
            raise UserError("it has images and masks of their names: give --task segmentation to learn the masks")
        if self._unlabelled is not None:
            return self._unlabelled
        if not self._tree.holding:
            raise UserError(self._no_images())
        return layout_of(self._tree)

    @cached_property
    def _unlabelled(self) -> Layout | None:
        """The layout without class folders, where that is taken and there are none."""
        return None if self._labels or not self._tree.has_images else unlabelled_layout_of(self._tree)

    def files(self) -> list[Path]:
        """The images that `listing` lists, sorted, and the file of class names if there is one.

        Raises:
            UserError: as `listing`.
        """
        names = self.path / CLASS_NAMES
        return [*sorted(path for _, _, path in self.images()), *([names] if names.is_file() else [])]

    def listing(self, group: str | None) -> Listing:
        """The images; classes are numbered in the order of their folders' names.

        Args:
            group: must be None: a folder has no columns.

        Raises:
            UserError: it is unclear which folders are the classes, or a class of another part is not in train.
        """
        if group is not None:
            raise UserError(f"--group {group}: there is no such file; images in a folder are grouped by a CSV file")
        classes = list(self._layout.parts[TRAIN])
        numbers = {name: label for label, name in enumerate(classes)}
        items = [
            Item(readable_name(path.relative_to(self.path).as_posix()), part, partial(read_file, path, numbers[name]))
            for part, name, path in self.images()
        ]
        if self._unlabelled is not None:
            return Listing(items, None, labelled=False)
        names = _class_names(self.path / CLASS_NAMES)
        return Listing(items, tuple(readable_name(names.get(name, name)) for name in classes))

    def remarks(self) -> tuple[str, ...]:
        """What was left out, a sentence each.

        Raises:
            UserError: as `listing`.
        """
        folders = [folder for classes in self._layout.parts.values() for folder in classes.values()]
        others = sum((folder.all_others() for folder in folders), Counter[str]())
        if not others:
            return self._layout.remarks
        left_out = f"left out of class folders, since not of kinds that are read: {_by_kind(others)}"
        return (*self._layout.remarks, left_out)

    def images(self) -> Iterator[tuple[str, str, Path]]:
        """Part, class and path of every image, in an order that does not change.

        Raises:
            UserError: as `listing`.
        """
        for part, classes in self._layout.parts.items():
            for name in sorted(classes):
                for path in classes[name].all_images():
                    yield part, name, path

    def _no_images(self) -> str:
        suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
        others = self._tree.all_others()
        instead = f"; there are {_by_kind(others)}" if others else ""
        if others[".parquet"]:
            instead += "; give the folder of those Parquet files that are meant"
        if self._tree.images:
            instead = f"; it has {counted(len(self._tree.images), 'image', 'images')} of its own, in no sub-folder"
        return (
            f"{self.path} has no images in sub-folders, a sub-folder for each class ({suffixes}), nor Parquet files"
            f"{instead}. Images with labels in a table come from a function (`policysearch guide data`); images "
            "without labels are for --task self-supervised"
        )


def _class_names(file: Path) -> dict[str, str]:
    """The names of classes by their folders' names; empty where there is no such file."""
    if not file.is_file():
        return {}
    try:
        names = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise UserError(f'{file} must hold the name of every class by its folder, as {{"0000": "cat"}}')
    return names


def _by_kind(others: Counter[str]) -> str:
    """Such as "5 files (3 .txt, 2 .heic)"."""
    kinds = [f"{count} {suffix or 'without an ending'}" for suffix, count in others.most_common(4)]
    more = [f"{len(others) - 4} other kinds"] if len(others) > 4 else []
    return f"{counted(others.total(), 'file', 'files')} ({', '.join([*kinds, *more])})"
