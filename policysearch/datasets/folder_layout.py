"""How a folder of images is laid out: which of its sub-folders are parts, and which are classes.

| layout | read as |
| - | - |
| `CLASS/…` | training images; a sub-folder of a class belongs to the class |
| `train/CLASS/…`, `val/CLASS/…`, `test/CLASS/…` | parts; also `valid`, `Testing`, `seg_train`, `test_set`, … |
| `train/train/CLASS/…` | a part whose only sub-folder holds the classes |
| `CLASS/train/…`, `CLASS/test/…` | parts within every class |
| `ANY/…`, the only sub-folder | what is in it |
| `train/CLASS/…` and `test/…` without classes | the training part; the unlabelled part is left out |

Where no labels are needed, one more:

| layout | read as |
| - | - |
| images in no sub-folder, or in the only one | training images without labels |
| `train/…`, `val/…`, `test/…`, no two sub-folders in `train` | parts without labels |

Where two readings are possible, none is chosen: the message says which they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from policysearch.core.errors import UserError
from policysearch.core.readable import counted, readable_name, some
from policysearch.datasets.folder_tree import Folder
from policysearch.datasets.source import TRAIN, part_called

_PILES = frozenset(["image", "images", "img", "imgs", "data", "unknown", "unlabeled", "unlabelled"])
"""Names of a part's only sub-folder that are no classes: its images have no labels."""

Classes = Mapping[str, Folder]
"""The folder of each class, by the class's name."""


@dataclass(frozen=True)
class Layout:
    """What the folders mean.

    Attributes:
        parts: the classes of each part; always with a training part.
        remarks: what was left out, a sentence each.
    """

    parts: Mapping[str, Classes]
    remarks: tuple[str, ...] = ()


def layout_of(root: Folder) -> Layout:
    """The layout of a folder of images.

    Raises:
        UserError: there are no images in sub-folders, or it is unclear which sub-folders are classes.
    """
    root = _unwrapped(root)
    parts = _parts(root)
    if TRAIN in parts:
        return _classes_within_parts(root, parts)
    _refuse_parts_without_train(root, parts)
    return _parts_within_classes(root) or _classes(root)


def unlabelled_layout_of(root: Folder) -> Layout | None:
    """The layout of a folder of images without labels, in place of whose classes there is one; None with class folders.

    Raises:
        UserError: two sub-folders could be the same part.
    """
    root = _unwrapped(root)
    parts = _parts(root)
    if TRAIN in parts:
        if len(_unwrapped_part(parts[TRAIN]).holding) > 1:
            return None
        return Layout({part: {"": folder} for part, folder in parts.items()}, _in_no_part(root, parts))
    return None if parts or len(root.holding) > 1 else Layout({TRAIN: {"": root}})


def _in_no_part(root: Folder, parts: Mapping[str, Folder]) -> tuple[str, ...]:
    """Sentences on what is left out since it is in no part."""
    beside = [folder for folder in root.holding.values() if folder not in parts.values()]
    remarks = [f"left out, since it is no part: {folder.path} ({_count(folder)})" for folder in beside]
    if root.images:
        remarks.append(f"left out, since in no part: {_images(len(root.images))} of {root.path} itself")
    return tuple(remarks)


def _classes(root: Folder) -> Layout:
    _refuse_same_folders_everywhere(root)
    as_class = [f"{name}/ is read as a class, like the folders beside it" for name in root.holding if part_called(name)]
    return Layout({TRAIN: root.holding}, (*as_class, *_loose_images(root), *_empty_folders(root)))


def _unwrapped(folder: Folder) -> Folder:
    """The folder, or the one within it that has the classes or parts where nothing else does."""
    inner = folder
    while not inner.images and len(inner.holding) == 1:
        name, only = next(iter(inner.holding.items()))
        if part_called(name):
            return inner
        inner = only
    return inner if len(inner.holding) > 1 else folder


def _parts(root: Folder) -> dict[str, Folder]:
    """The folders of the parts.

    `train/` with images of its own, beside others like it, is a class of trains. Names that merely contain a part's, as
    `seg_train` and `seg_test`, count where there are two and one of them has class folders.
    """
    called = {name: part for name in root.holding if (part := part_called(name))}
    has_images = [name for name in called if root.holding[name].images]
    beside = [name for name, folder in root.holding.items() if name not in called and folder.images]
    if has_images and beside and set(called.values()) == {TRAIN}:
        return {}

    if not called:
        loose = {name: part for name in root.holding if (part := _part_within(name))}
        with_classes = [name for name in loose if len(_unwrapped_part(root.holding[name]).holding) > 1]
        called = loose if len(set(loose.values())) > 1 and with_classes else {}
    parts: dict[str, str] = {}
    for name, part in called.items():
        if part in parts:
            raise UserError(
                f"{root.path} has both {parts[part]}/ and {name}/: which is its {part} part? Move the other away"
            )
        parts[part] = name
    return {part: root.holding[name] for part, name in parts.items()}


def _part_within(name: str) -> str | None:
    """The part that one word of a folder's name means, as of `seg_train`."""
    parts = {part for word in re.split(r"[-_. ]+", name) if (part := part_called(word))}
    return parts.pop() if len(parts) == 1 else None


def _classes_within_parts(root: Folder, parts: Mapping[str, Folder]) -> Layout:
    roots = {part: _unwrapped_part(folder) for part, folder in parts.items()}
    train = roots[TRAIN]
    if not train.holding:
        raise UserError(
            f"{train.path} holds {_images(len(train.images))}, but no folder for each class: "
            f"they must be in {train.path.name}/CLASS/, or come from a function (`policysearch guide data`); images "
            "without labels are for --task self-supervised"
        )
    classes: dict[str, Classes] = {TRAIN: train.holding}
    remarks = [*_loose_images(train), *_empty_folders(train)]
    for part, folder in roots.items():
        if part == TRAIN:
            continue
        if _is_unlabelled(folder, train):
            remarks.append(f"{_count(folder)} of {folder.path} in no class folder: the {part} part was left out")
            continue
        _must_be_classes_of(train, folder)
        classes[part] = folder.holding
        remarks += _loose_images(folder)

    return Layout(classes, (*remarks, *_in_no_part(root, parts)))


def _unwrapped_part(folder: Folder) -> Folder:
    """A part's folder, or the only one in it if that has the classes, as in seg_train/seg_train/CLASS."""
    while not folder.images and len(folder.holding) == 1:
        inner = next(iter(folder.holding.values()))
        if len(inner.holding) < 2:
            break
        folder = inner
    return folder


def _is_unlabelled(folder: Folder, train: Folder) -> bool:
    if not train.holding.keys().isdisjoint(folder.holding):
        return False
    is_pile = [name.lower() in _PILES or part_called(name.rstrip("0123456789")) is not None for name in folder.holding]
    return is_pile in ([], [True])


def _must_be_classes_of(train: Folder, folder: Folder) -> None:
    strange = [name for name in folder.holding if name not in train.holding]
    if strange:
        raise UserError(
            f"{folder.path} has class {strange[0]!r}, which {train.path} has not: a class must have {TRAIN} images"
        )


def _refuse_parts_without_train(root: Folder, parts: Mapping[str, Folder]) -> None:
    if not parts:
        return
    names = [f"{folder.path.name}/" for folder in parts.values()]
    beside = [name for name, folder in root.holding.items() if folder not in parts.values()]
    if beside:
        raise UserError(
            f"{root.path}: {' and '.join(names)} could mean classes, or parts beside the classes "
            f"{', '.join(beside[:3])}: put the classes into train/, or rename {' and '.join(names)}"
        )
    raise UserError(
        f"{root.path} has {' and '.join(names)} but no train/: these are names of parts, not of classes; "
        "call the folder with the training images train/"
    )


def _parts_within_classes(root: Folder) -> Layout | None:
    """The layout CLASS/train/… and CLASS/test/…, or None."""
    divided = [name for name, folder in root.holding.items() if _has_parts(folder)]
    if not divided:
        return None
    for name, folder in root.holding.items():
        others = [inner for inner in folder.holding if not part_called(inner)]
        if name not in divided or folder.images or others:
            raise UserError(
                f"{root.path}: {divided[0]}/ is divided into parts, but {name}/ is not, or not wholly: "
                "give every class the same parts, such as train/ and test/"
            )

    parts: dict[str, dict[str, Folder]] = {}
    for name, folder in root.holding.items():
        for inner, images in folder.holding.items():
            parts.setdefault(part_called(inner) or "", {})[name] = images
    return Layout(parts, (*_loose_images(root), *_empty_folders(root)))


def _has_parts(folder: Folder) -> bool:
    parts = {part for name in folder.holding if (part := part_called(name))}
    return TRAIN in parts and len(parts) > 1


def _refuse_same_folders_everywhere(root: Folder) -> None:
    """Stop at `fold1/CLASS`, `fold2/CLASS` and at `CLASS/images`, `CLASS/masks`, which would be read alike."""
    folders = root.holding.values()
    inner = {frozenset(folder.holding) for folder in folders}
    names = sorted(next(iter(inner), ()))[:3]
    if len(folders) > 1 and len(inner) == 1 and len(names) > 1 and not any(folder.images for folder in folders):
        outer = list(root.holding)[:3]
        raise UserError(
            f"{root.path}: it cannot be told which folders are the classes: {', '.join(outer)} all have the same "
            f"sub-folders ({', '.join(names)}). If the outer ones are, put their images right into them; "
            f"if the inner ones are, give {root.path}/{outer[0]}"
        )


def _loose_images(folder: Folder) -> tuple[str, ...]:
    if not folder.images:
        return ()
    return (f"left out, since in no class folder: {_images(len(folder.images))} of {folder.path}",)


def _empty_folders(folder: Folder) -> tuple[str, ...]:
    empty = [readable_name(name) for name in folder.folders if name not in folder.holding]
    return (f"folders without images are no classes: {some(empty)}",) if empty else ()


def _count(folder: Folder) -> str:
    return _images(len(folder.all_images()))


def _images(number: int) -> str:
    return counted(number, "image", "images")
