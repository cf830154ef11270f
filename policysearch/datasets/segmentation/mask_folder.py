"""A folder of images and a folder of their masks, one pair for all, or one for each part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.core.readable import counted, readable_name, some
from policysearch.datasets.folder_tree import Folder, scan
from policysearch.datasets.image_file import read_image
from policysearch.datasets.source import PARTS, TRAIN, Item, Listing, part_called, read_file

CLASS_NAMES = "classes.txt"
"""The file in a folder with masks that has a name per line, the first that of class 0."""
_IMAGES = ("images", "image", "imgs", "img", "jpegimages")
_MASKS = ("masks", "mask", "annotations", "labels", "segmentationclass")
_ENDINGS = ("", "_mask", "_seg", "_gt", "_label")
"""What the name of a mask may have after that of its image."""
_SHOWN = 3


@dataclass(frozen=True)
class Pair:
    """An image and its mask.

    Attributes:
        image: its file.
        mask: that of its mask.
        part: train, validation or test.
    """

    image: Path
    mask: Path
    part: str


class MaskFolder:
    """A folder of images with masks; it is looked through once.

    | layout | read as |
    | - | - |
    | `images/a.jpg` and `masks/a.png` | training images; a mask may be called `a_mask.png` as well |
    | `images/train/…` and `masks/train/…`, `val`, `test` | parts |
    | `train/images/…` and `train/masks/…`, `val/…`, `test/…` | parts |

    `annotations`, `labels` and `SegmentationClass` mean masks too, `JPEGImages` images. A file `classes.txt` has the
    names of the classes.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _folders(self) -> dict[str, tuple[Folder, Folder | None]]:
        """By part: the folder of images and that of masks."""
        tree = scan(self.path)
        folders = _folders(tree)
        if TRAIN not in folders or folders[TRAIN][1] is None:
            raise UserError(self._no_masks(tree))
        return folders

    @cached_property
    def _read(self) -> tuple[list[Pair], list[str]]:
        pairs: list[Pair] = []
        remarks: list[str] = []
        for part, (images, masks) in self._folders.items():
            if masks is None:
                remarks.append(f"{images.path} has no masks: the {part} part was left out")
                continue
            more, others = _paired(part, images, masks)
            pairs += more
            remarks += others
        if not any(pair.part == TRAIN for pair in pairs):
            images, masks = self._folders[TRAIN]
            raise UserError(
                f"no image of {images.path} has a mask of its name in {masks.path if masks else 'masks'}: a.jpg needs "
                "a.png or a_mask.png"
            )
        return pairs, remarks

    def files(self) -> list[Path]:
        """The images and the masks that `listing` lists, sorted, and the file of class names if there is one.

        Raises:
            UserError: as `listing`.
        """
        names = self.path / CLASS_NAMES
        both = (file for pair in self._read[0] for file in (pair.image, pair.mask))
        return [*sorted(both), *([names] if names.is_file() else [])]

    def listing(self, group: str | None) -> Listing:
        """The images with their masks, in the order of their names.

        Args:
            group: must be None: a folder has no columns.

        Raises:
            UserError: there are no such folders, or no image has a mask, or a name is not clear.
        """
        if group is not None:
            raise UserError(f"--group {group}: there is no such file; images in a folder are grouped by a CSV file")
        return Listing(list(self._items()), _class_names(self.path / CLASS_NAMES))

    def remarks(self) -> tuple[str, ...]:
        """What was left out, a sentence each.

        Raises:
            UserError: as `listing`.
        """
        return tuple(self._read[1])

    def _items(self) -> Iterator[Item]:
        for pair in self._read[0]:
            name = readable_name(pair.image.relative_to(self.path).as_posix())
            yield Item(name, pair.part, partial(read_file, pair.image, 0), mask=partial(read_image, pair.mask))

    def _no_masks(self, tree: Folder) -> str:
        inside = some([readable_name(f"{name}/") for name in tree.folders], _SHOWN)
        return (
            f"{self.path} has no images/ with masks/ beside it, nor train/images/ with train/masks/ (in it: "
            f"{inside or 'no folders'}): --task segmentation needs a mask for each image, of the same name"
        )


def has_masks(tree: Folder) -> bool:
    """Whether a folder holds images and, beside them, masks of their names."""
    images, masks = _folders(tree).get(TRAIN, (None, None))
    return images is not None and masks is not None and bool(_paired(TRAIN, images, masks)[0])


def _folders(tree: Folder) -> dict[str, tuple[Folder, Folder | None]]:
    images, masks = _called(tree, _IMAGES), _called(tree, _MASKS)
    if images is not None and masks is not None:
        parts = _parts(images)
        if TRAIN not in parts:
            return {TRAIN: (images, masks)}
        of_masks = _parts(masks)
        return {part: (folder, of_masks.get(part)) for part, folder in parts.items()}
    of_parts = {part: (_called(folder, _IMAGES), _called(folder, _MASKS)) for part, folder in _parts(tree).items()}
    return {part: (images, masks) for part, (images, masks) in of_parts.items() if images is not None}


def _called(tree: Folder, names: tuple[str, ...]) -> Folder | None:
    """The sub-folder of one of these names that has images."""
    by_name = {name.lower(): folder for name, folder in tree.holding.items()}
    return next((by_name[name] for name in names if name in by_name), None)


def _parts(tree: Folder) -> dict[str, Folder]:
    parts = {part: folder for name, folder in tree.holding.items() if (part := part_called(name))}
    return {part: parts[part] for part in PARTS if part in parts}


def _paired(part: str, images: Folder, masks: Folder) -> tuple[list[Pair], list[str]]:
    """Images with their masks, and a sentence on each kind of file without the other.

    Raises:
        UserError: two files are called alike but for their ending.
    """
    files, of_masks = _by_name(images), _by_name(masks)
    pairs = [
        Pair(file, of_masks[name + ending], part)
        for name, file in files.items()
        for ending in _ENDINGS
        if name + ending in of_masks
    ]
    seen = [pair.image for pair in pairs]
    twice = [image for image, after in pairwise(seen) if image == after]
    if twice:
        raise UserError(f"{twice[0]} has several masks in {masks.path}: keep one of the names {twice[0].stem}, …_mask")
    used = {pair.mask for pair in pairs}
    without = [name for name, file in files.items() if file not in set(seen)]
    alone = [name for name, file in of_masks.items() if file not in used]
    remarks = [
        f"left out, since {images.path} has no image of that name: {counted(len(alone), 'mask', 'masks')} "
        f"({some(alone, _SHOWN)})"
    ]
    if without and pairs:
        number = counted(len(without), "image", "images")
        return pairs, [
            f"left out, since {masks.path} has no mask of that name: {number} ({some(without, _SHOWN)})",
            *(remarks if alone else []),
        ]
    return pairs, remarks if alone and pairs else []


def _by_name(folder: Folder) -> Mapping[str, Path]:
    """The images of a folder by their paths in it, without endings.

    Raises:
        UserError: two are called alike but for their ending.
    """
    files: dict[str, Path] = {}
    for file in folder.all_images():
        name = file.relative_to(folder.path).with_suffix("").as_posix()
        other = files.setdefault(name, file)
        if other != file:
            raise UserError(f"{other} and {file.name} have the same name, which says whose mask is whose: rename one")
    return files


def _class_names(file: Path) -> tuple[str, ...] | None:
    """The lines of `classes.txt`; None where there is none.

    Raises:
        UserError: it is not text, or has fewer than two names, or one twice.
    """
    if not file.is_file():
        return None
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{file} is not text in UTF-8; it must hold one class name per line") from None
    names = tuple(line.strip() for line in lines if line.strip())
    repeated = [name for name in names if names.count(name) > 1]
    if len(names) < 2 or repeated:
        fault = f"has {repeated[0]!r} twice" if repeated else f"has {counted(len(names), 'name', 'names')}"
        raise UserError(f"{file} {fault}; it must hold one class name per line, the first that of class 0")
    return names
