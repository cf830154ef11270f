"""A zip of class folders, unpacked under names of our own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from policysearch.core.files import write_whole
from policysearch.core.readable import readable_name
from policysearch.datasets.folder_tree import IMAGE_SUFFIXES, Folder, is_left_behind
from policysearch.datasets.image_folder import CLASS_NAMES, ImageFolder
from policysearch.datasets.source import TRAIN
from policysearch.service.limits import Limits
from policysearch.service.uploads.archive import Archive, Member
from policysearch.service.uploads.contents import Contents
from policysearch.service.uploads.image_headers import checked_suffix


def unpacked(upload: Path, target: Path, name: str, limits: Limits) -> Contents:
    """Unpack the images of a zip: PART/CLASS/IMAGE, all numbers of ours, and a file that names the classes.

    The layout is found out from the names in the zip as from a folder's, so that messages are those for folders.

    Args:
        upload: the zip.
        target: a new folder.
        name: what messages call the zip.
        limits: the operator's.

    Raises:
        UserError: the zip is damaged or hostile, has no class folders, or an image that is not taken.
    """
    with upload.open("rb") as file:
        archive = Archive(file, limits)
        root = Path(name)
        members = {root / member.path: member for member in archive.members if not _is_left_behind(member.path)}
        folder = ImageFolder(root, _tree(root, members))
        classes = folder.listing(None).classes or ()
        order = [class_name for part, class_name, _ in folder.images() if part == TRAIN]
        numbers = {class_name: number for number, class_name in enumerate(dict.fromkeys(order))}
        names: dict[str, str] = {}
        sizes: dict[tuple[int, int], None] = {}  # in the order in which they come
        target.mkdir()
        for count, (part, class_name, path) in enumerate(folder.images()):
            place = f"{part}/{numbers[class_name]:05d}"
            # In the order of the names in the zip, so that the data are those of the same folder on a disk.
            stem = f"{count:07d}"
            size = _unpacked(archive, members[path], target / place / stem, limits)
            names[f"{place}/{stem}"] = readable_name(str(members[path].path))
            sizes[size] = None
    write_whole(target / CLASS_NAMES, json.dumps({f"{n:05d}": text for n, text in enumerate(classes)}))
    return Contents(target, names, tuple(sizes), folder.remarks())


def _is_left_behind(path: PurePosixPath) -> bool:
    return any(map(is_left_behind, path.parts))


def _unpacked(archive: Archive, member: Member, file: Path, limits: Limits) -> tuple[int, int]:
    """Unpack one image, whose file gets the ending of what it is; its height and width."""
    file.parent.mkdir(parents=True, exist_ok=True)
    archive.copy(member, file)
    suffix, size = checked_suffix(file, limits.image_pixels, readable_name(str(member.path)))
    file.rename(file.with_suffix(suffix))
    return size


@dataclass
class _Branch:
    """A folder while it is gathered."""

    folders: dict[str, _Branch] = field(default_factory=dict)
    images: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def folder(self, path: Path) -> Folder:
        folders = {name: self.folders[name].folder(path / name) for name in sorted(self.folders)}
        return Folder(path, folders, tuple(sorted(self.images)), self.others)


def _tree(root: Path, members: Iterable[Path]) -> Folder:
    """What a folder with these files would hold."""
    trunk = _Branch()
    for path in members:
        branch = trunk
        for name in path.relative_to(root).parts[:-1]:
            branch = branch.folders.setdefault(name, _Branch())
        suffix = path.suffix.lower()
        if suffix in IMAGE_SUFFIXES:
            branch.images.append(path)
        else:
            branch.others[suffix] += 1
    return trunk.folder(root)
