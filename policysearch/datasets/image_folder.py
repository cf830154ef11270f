"""A folder of images, a sub-folder a class: CLASS/*.png, or train/CLASS/*.png with val/ and test/ beside it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from policysearch.core.errors import UserError
from policysearch.datasets.source import TRAIN, Item, Listing, part_called, read_file

_SUFFIXES = frozenset([".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"])


def list_folder(folder: Path, group: str | None) -> Listing:
    """The images of a folder; classes are numbered in the order of their sub-folders' names.

    Args:
        folder: where they are.
        group: must be None: a folder has no columns.

    Raises:
        UserError: there is no sub-folder with images, or a class of another part is not in train.
    """
    if group is not None:
        raise UserError(f"--group {group}: there is no such file; images in a folder are grouped by a CSV file")
    parts = _parts(folder)
    classes = sorted(_below(parts[TRAIN]))
    _same_classes(parts, classes)
    items = [
        Item(path.relative_to(folder).as_posix(), part, partial(read_file, path, label))
        for part, root in parts.items()
        for label, name in enumerate(classes)
        for path in _images(root / name)
    ]
    if not items:
        raise UserError(
            f"{folder} has no images in sub-folders, a sub-folder a class ({', '.join(sorted(_SUFFIXES))}), "
            "nor Parquet files"
        )
    return Listing(items, tuple(classes))


def image_files(folder: Path) -> list[Path]:
    """The files that `list_folder` lists, sorted: in folders that are links too."""
    return sorted(path for root in _parts(folder).values() for name in _below(root) for path in _images(root / name))


def _parts(folder: Path) -> dict[str, Path]:
    """The root of each part; without a sub-folder `train`, the folder itself is the training part."""
    found: dict[str, Path] = {}
    for name in sorted(_below(folder)):
        part = part_called(name)
        if part in found:
            raise UserError(f"{folder} has both {found[part].name}/ and {name}/: which is its {part} part?")
        if part:
            found[part] = folder / name
    return found if TRAIN in found else {TRAIN: folder}


def _same_classes(parts: dict[str, Path], classes: list[str]) -> None:
    for _part, root in parts.items():
        strange = [name for name in _below(root) if name not in classes and _images(root / name)]
        if strange:
            raise UserError(
                f"{root} has class {strange[0]!r}, which {parts[TRAIN]} has not: a class must have {TRAIN} images"
            )


def _below(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES and not p.name.startswith("."))
