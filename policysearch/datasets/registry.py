"""Data sets that have a name: the one that ships, and torchvision's, which is imported when one of them is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policysearch.core.errors import UserError
from policysearch.core.task import Needs
from policysearch.datasets.source import TEST, TRAIN, VALIDATION, Item, Listing
from policysearch.datasets.targets.needs import TARGET_NEEDS, without_targets

if TYPE_CHECKING:
    from PIL.Image import Image

SHIPPED = {
    "fashion-small": "8,000 images of Fashion-MNIST, 28×28 grey, 10 classes; 4,000 train, 2,000 validation, 2,000 test",
    "text-lines-small": "4,000 words in free fonts, 16×96 grey, for --task text-lines; 2,000 train, 1,000 validation, "
    "1,000 test, each in fonts of its own",
    "shapes-small": "900 images of three kinds of shapes with masks, 32×32 grey, for --task segmentation; 400 train, "
    "200 validation, 300 test",
}
_SHIPPED_LINES = frozenset({"text-lines-small"})
_SHIPPED_MASKS = frozenset({"shapes-small"})

_FLAG = {TRAIN: {"train": True}, TEST: {"train": False}}
_SPLIT = {TRAIN: {"split": "train"}, TEST: {"split": "test"}}
_THREE = {TRAIN: {"split": "train"}, VALIDATION: {"split": "val"}, TEST: {"split": "test"}}


@dataclass(frozen=True)
class Named:
    """One of torchvision's data sets.

    Attributes:
        folder: where its files are, a pattern below --data-root.
        parts: the arguments that give each part.
        text: what it is.
        track: whether a file's name up to the first underscore says which track it is a frame of.
    """

    folder: str
    parts: dict[str, dict[str, Any]]
    text: str
    track: bool = field(default=False)


NAMED: dict[str, Named] = {
    "MNIST": Named("MNIST/raw", _FLAG, "60,000 + 10,000 digits, 28×28 grey"),
    "FashionMNIST": Named("FashionMNIST/raw", _FLAG, "60,000 + 10,000 articles of clothing, 28×28 grey, 10 classes"),
    "KMNIST": Named("KMNIST/raw", _FLAG, "60,000 + 10,000 Japanese characters, 28×28 grey, 10 classes"),
    "QMNIST": Named("QMNIST/raw", _FLAG, "60,000 + 60,000 digits, 28×28 grey"),
    "USPS": Named("usps*.bz2", _FLAG, "7,291 + 2,007 digits, 16×16 grey"),
    "CIFAR10": Named("cifar-10-batches-py", _FLAG, "50,000 + 10,000 images, 32×32 RGB, 10 classes"),
    "CIFAR100": Named("cifar-100-python", _FLAG, "50,000 + 10,000 images, 32×32 RGB, 100 classes"),
    "SVHN": Named("*_32x32.mat", _SPLIT, "73,257 + 26,032 house numbers, 32×32 RGB, 10 classes"),
    "STL10": Named("stl10_binary", _SPLIT, "5,000 + 8,000 images, 96×96 RGB, 10 classes"),
    "GTSRB": Named("gtsrb", _SPLIT, "26,640 + 12,630 traffic signs, 43 classes; give --resize, --group track", True),
    "Flowers102": Named("flowers-102", _THREE, "1,020 + 1,020 + 6,149 flowers, 102 classes; give --resize"),
    "DTD": Named("dtd", _THREE, "1,880 + 1,880 + 1,880 textures, 47 classes; give --resize"),
    "FGVCAircraft": Named("fgvc-aircraft-2013b", _THREE, "3 × 3,333 aircraft, 100 classes; give --resize"),
    "OxfordIIITPet": Named(
        "oxford-iiit-pet",
        {TRAIN: {"split": "trainval"}, TEST: {"split": "test"}},
        "3,680 + 3,669 cats and dogs, 37 classes; give --resize",
    ),
    "Food101": Named("food-101", _SPLIT, "75,750 + 25,250 dishes, 101 classes; give --resize"),
    "Imagenette": Named(
        "imagenette2",
        {TRAIN: {"split": "train"}, TEST: {"split": "val"}},
        "9,469 + 3,925 images of ImageNet, 10 classes; give --resize",
    ),
    "EuroSAT": Named("eurosat", {TRAIN: {}}, "27,000 satellite images, 64×64 RGB, 10 classes"),
}


def shipped_must_suit(name: str, needs: Needs) -> None:
    """Check that a shipped data set has what is needed of it besides images, without reading it.

    Raises:
        UserError: as `must_have`.
    """
    texts, masks = name in _SHIPPED_LINES, name in _SHIPPED_MASKS
    must_have(name, needs, texts=texts, labels=not (texts or masks), masks=masks)


def must_have(
    name: str, needs: Needs, *, texts: bool, labels: bool, targets: bool = False, masks: bool = False
) -> None:
    """Check that data have what is needed of them besides images.

    Args:
        name: of the data, for messages.
        needs: of a task.
        texts: whether their images have texts.
        labels: whether they have classes.
        targets: whether they have what is needed in place of classes: sets of labels, or numbers.
        masks: whether their images have masks.

    Raises:
        UserError: targets, texts, masks or labels are missing, or there are texts or masks where others are needed.
    """
    if needs in TARGET_NEEDS:
        if not targets:
            raise UserError(f"data {name!r}: {without_targets(needs)}")
        return
    if needs == "masks" and not masks:
        raise UserError(
            f"data {name!r} have no masks: --task segmentation needs the mask of every image "
            "(`policysearch guide segmentation`)"
        )
    if needs != "masks" and masks:
        raise UserError(f"data {name!r} have masks and no classes of images: give --task segmentation")
    if needs == "texts" and not texts:
        raise UserError(
            f"data {name!r} have no texts: --task text-lines needs the text of every image (`policysearch guide tasks`)"
        )
    if needs != "texts" and texts:
        raise UserError(f"data {name!r} have texts and no classes: give --task text-lines")
    if needs == "labels" and not labels:
        raise UserError(f"data {name!r} have no labels: give --task self-supervised")


def named_files(name: str, root: Path) -> list[Path]:
    """The files of a data set below `root`, sorted."""
    paths = root.glob(NAMED[name].folder)
    return sorted(file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


def list_named(name: str, root: Path, download: bool, group: str | None) -> Listing:
    """The images of a data set that torchvision knows.

    Args:
        name: a key of `NAMED`.
        root: torchvision's `root`.
        download: whether it may fetch what is missing.
        group: "track" for data whose files are frames of tracks, or None.

    Raises:
        UserError: the data are not below `root`, are damaged, or cannot be downloaded.
    """
    row = NAMED[name]
    if group is not None and not (row.track and group == "track"):
        raise UserError(f"--group {group}: {name} has {'track' if row.track else 'no such column'}; or give a CSV file")
    parts = {part: _opened(name, root, download, arguments) for part, arguments in row.parts.items()}
    items = [item for part, data in parts.items() for item in _items(part, data, root, group is not None)]
    classes = getattr(parts[TRAIN], "classes", None)
    return Listing(items, tuple(map(_first, classes)) if classes else None)


def _items(part: str, data: Any, root: Path, by_track: bool) -> Iterator[Item]:
    for i, file in enumerate(_file_names(data, root)):
        track = _track(file) if by_track and part == TRAIN else None
        yield Item(file or f"{part}[{i}]", part, partial(_read, data, i), track)


def _first(name: Any) -> str:
    """A class's name, the first of several."""
    return str(name[0] if isinstance(name, (tuple, list)) else name)


def _opened(name: str, root: Path, download: bool, arguments: dict[str, Any]) -> Any:
    import torchvision

    try:
        return getattr(torchvision.datasets, name)(str(root), download=download, **arguments)
    except Exception as error:  # each data set checks and downloads in its own way
        reason = " ".join(str(error).split()).rstrip(".")[:160]
        hint = "" if download else "; --data-root says where the data are, --download fetches them"
        raise UserError(f"it cannot be read from {root}: {reason}{hint}") from None


def _file_names(data: Any, root: Path) -> list[str]:
    """The file of each image below `root`, or "" where the images of many are in one file."""
    for attribute in ("_samples", "samples", "_image_files", "_images"):
        files = getattr(data, attribute, None)
        if files is not None and len(files) == len(data):
            paths = [Path(file[0] if isinstance(file, (tuple, list)) else file) for file in files]
            return [str(path.relative_to(root) if path.is_relative_to(root) else path) for path in paths]
    return [""] * len(data)


def _track(file: str) -> str:
    return f"{Path(file).parent.name}/{Path(file).stem.partition('_')[0]}"


def _read(data: Any, i: int) -> tuple[Image, int]:
    image, label = data[i]
    return image, int(label)
