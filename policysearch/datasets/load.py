"""Which source a setting means, and its data set: from the cache, or decoded now."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.readable import readable_name
from policysearch.core.task import Needs
from policysearch.core.tasks import NO_DATA
from policysearch.datasets.absent import absent_data
from policysearch.datasets.arrays import list_function
from policysearch.datasets.build import Parts, assembled
from policysearch.datasets.cache import FORMAT, cached_dataset, content_key, decode_and_keep, open_folder, sha
from policysearch.datasets.config import DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.decode import Tell, decode
from policysearch.datasets.decoded import Decoded
from policysearch.datasets.groups import column_name, is_file
from policysearch.datasets.image_folder import ImageFolder
from policysearch.datasets.npz import list_npz
from policysearch.datasets.parquet import list_parquet, parquet_files
from policysearch.datasets.presence import must_exist
from policysearch.datasets.registry import NAMED, SHIPPED, list_named, must_have, named_files
from policysearch.datasets.segmentation.mask_arrays import list_mask_arrays, mask_names
from policysearch.datasets.segmentation.mask_folder import MaskFolder
from policysearch.datasets.segmentation.mask_parquet import list_mask_parquet
from policysearch.datasets.segmentation.recognition import hint_at_masks, must_be_of_masks
from policysearch.datasets.segmentation.shipped import shipped_masks
from policysearch.datasets.source import Item, Listing
from policysearch.datasets.table_folder import LABELS
from policysearch.datasets.targets.needs import TARGET_NEEDS, without_targets
from policysearch.datasets.targets.target_arrays import list_target_arrays
from policysearch.datasets.targets.target_folder import TargetFolder, hint_at_targets
from policysearch.datasets.targets.target_parquet import list_target_parquet
from policysearch.datasets.text_lines.line_folder import LineFolder
from policysearch.datasets.text_lines.line_parquet import list_line_parquet
from policysearch.datasets.text_lines.recognition import hint_at_lines, line_settings, must_be_of_lines
from policysearch.datasets.text_lines.shipped import shipped_lines

_SHIPPED = files("policysearch.datasets") / "shipped"


@dataclass(frozen=True)
class _Source:
    """Where images come from.

    Attributes:
        files: gives the files that they are in; none where only `listing` can say.
        root: the folder of these files.
        listing: lists the images.
        remarks: gives what a person should know of other files and folders there, one sentence per fact.
    """

    files: Callable[[], Sequence[Path]]
    root: Path
    listing: Callable[[], Listing]
    remarks: Callable[[], tuple[str, ...]] = tuple


def load(settings: DataSettings | str, tell: Tell = lambda done, total: None, needs: Needs = "labels") -> Dataset:
    """The data set of some settings, decoded once and from then on memory-mapped from the cache.

    Args:
        settings: which data, and how they are brought to one size; a text is the data alone.
        tell: called, while images are decoded, with how many of how many are.
        needs: what there must be besides images; with "nothing" labels are read where there are any.

    Raises:
        UserError: there is no such data, or something about them is wrong; the message begins with their name.

    Example:
        >>> dataset = load("fashion-small")
        >>> dataset.x_train.shape, dataset.classes[:2]
        ((6000, 1, 28, 28), ('T-shirt/top', 'Trouser'))
    """
    settings = DataSettings(data=settings) if isinstance(settings, str) else settings
    if needs == "function" and settings.data == NO_DATA:
        return absent_data()
    if settings.data in SHIPPED and settings.resize is None and settings.group is None:
        dataset = _shipped(settings.data)
        _must_have(settings.data, needs, dataset)
        return dataset
    try:
        settings = line_settings(settings) if needs == "texts" else settings
        source = _source_of(settings, needs)
        dataset = _cached(settings, source, tell, needs)
        remarks = map(readable_name, source.remarks())
        dataset = replace(dataset, name=_name(settings.data), warnings=(*dataset.warnings, *remarks))
    except OSError as error:
        raise UserError(f"data {settings.data!r}: cannot read {error.filename}: {error.strerror or error}") from None
    except UserError as error:
        reason = readable_name(str(error)) + (_hint(settings) if needs == "labels" else "")
        raise UserError(f"data {settings.data!r}: {reason}") from None
    _must_have(settings.data, needs, dataset)
    return dataset


def _must_have(name: str, needs: Needs, dataset: Dataset) -> None:
    must_have(
        name,
        needs,
        texts=bool(dataset.texts_train),
        labels=dataset.labelled,
        targets=dataset.targets_train is not None,
        masks=bool(dataset.mask_classes),
    )


def _name(spec: str) -> str:
    """Of PATH/NAME.npz or PATH/NAME its name, of MODULE:FUNCTION the function's."""
    path = Path(spec)
    if ":" in spec and not path.exists():
        return spec.rpartition(":")[2]
    return path.stem if path.suffix in (".npz", ".parquet") else path.name


def opened(handle: str) -> Dataset:
    """The data set whose `handle` this is, in any process of the same machine.

    Raises:
        OSError: its folder in the cache is gone.
    """
    if handle == NO_DATA:
        return absent_data()
    return _shipped(handle) if handle in SHIPPED else open_folder(Path(handle))


def _shipped(name: str) -> Dataset:
    path = _SHIPPED / f"{name}.npz"
    with path.open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        shipped = next((make for array, make in _SHIPPED_AS.items() if array in arrays), _shipped_images)
        dataset = shipped(name, arrays)
    return replace(dataset, digest=sha(path.read_bytes()), handle=name)


def _shipped_images(name: str, arrays: Mapping[str, NDArray[Any]]) -> Dataset:
    x_train, x_test = arrays["x_train"][:, None], arrays["x_test"][:, None]
    y_train, y_test = arrays["y_train"].astype(np.int64), arrays["y_test"].astype(np.int64)
    return Dataset(name, x_train, y_train, x_test, y_test, tuple(map(str, arrays["classes"])))


_SHIPPED_AS: Mapping[str, Callable[[str, Mapping[str, NDArray[Any]]], Dataset]] = {
    "texts_train": shipped_lines,
    "masks_train": shipped_masks,
}
"""By an array of the file, what makes its data set; without any of them, the labels of images do."""


def _cached(settings: DataSettings, source: _Source, tell: Tell, needs: Needs) -> Dataset:
    choices = _choices(settings, needs)
    files = source.files()
    cached = cached_dataset(content_key(files, source.root, choices)) if files else None
    if cached is not None:
        return cached

    listing = source.listing()
    files = source.files()  # there are more where they were downloaded just now
    if files:
        key = content_key(files, source.root, choices)
    else:
        key = sha(choices.encode(), str(FORMAT).encode(), *_contents(listing))
    return cached_dataset(key) or decode_and_keep(key, partial(_decoded, listing, settings, tell, needs))


_DECODING = {"resize", "aspect", "background", "image_column", "label_column", "skip_damaged"}
"""Settings that change what the same files are decoded to."""


def _choices(settings: DataSettings, needs: Needs) -> str:
    """Everything besides the files' contents that the decoded data depend on."""
    group = sha(Path(settings.group).read_bytes()) if settings.group and is_file(settings.group) else settings.group
    name = settings.data if settings.data in NAMED else ""
    further = [] if needs == "labels" else [needs]
    return json.dumps([settings.model_dump(include=_DECODING), group, name, *further])


def _contents(listing: Listing) -> list[bytes]:
    read = ((item, *item.read()) for item in listing.items)
    images = (
        sha(image.tobytes(), f"{image.size} {label} {item.part} {item.group}".encode(), *_further_bytes(item))
        for item, image, label in read
    )
    return [json.dumps([listing.classes, listing.warnings]).encode(), *(image.encode() for image in images)]


def _further_bytes(item: Item) -> list[bytes]:
    """Of an image's targets, or of its mask."""
    masks = [] if item.mask is None else [item.mask().tobytes()]
    return masks if item.targets is None else [item.targets.tobytes(), *masks]


def _decoded(
    listing: Listing, settings: DataSettings, tell: Tell, needs: Needs, scratch: Path
) -> tuple[Decoded, Parts]:
    decoded = decode(listing.items, settings, scratch, tell)
    return decoded, assembled(listing, decoded, settings.group, needs)


def _hint(settings: DataSettings) -> str:
    return hint_at_lines(settings) or hint_at_masks(settings) or hint_at_targets(Path(settings.data))


def _source_of(settings: DataSettings, needs: Needs) -> _Source:
    if needs == "texts":
        return _line_source(settings)
    if needs == "masks":
        return _mask_source(settings)
    if needs in TARGET_NEEDS:
        return _target_source(settings, needs)
    return _source(settings, needs)


def _mask_source(settings: DataSettings) -> _Source:
    """Where images with masks come from: Parquet, arrays, or two folders."""
    spec, path, group = settings.data, Path(settings.data), column_name(settings.group)
    must_be_of_masks(settings)
    shards = parquet_files(path) if path.exists() and path.suffix != ".npz" else []
    if shards:
        listing = partial(list_mask_parquet, path, group, settings.image_column, settings.label_column)
        return _Source(lambda: shards, path if path.is_dir() else path.parent, listing)
    _refuse_columns(settings)
    if ":" in spec and not path.exists():
        return _Source(list, path, partial(list_function, spec, group, listing=list_mask_arrays))
    if path.suffix == ".npz":
        listing = partial(list_npz, path, group, listing=list_mask_arrays, names=mask_names)
        return _Source(lambda: [path], path.parent, listing)
    folder = MaskFolder(path)
    return _Source(folder.files, path, partial(folder.listing, group), folder.remarks)


def _source(settings: DataSettings, needs: Needs) -> _Source:
    spec, path = settings.data, Path(settings.data)
    group, labels = column_name(settings.group), needs == "labels"
    if spec in SHIPPED:
        path = Path(str(_SHIPPED / f"{spec}.npz"))
    shards = parquet_files(path) if spec not in NAMED and path.suffix != ".npz" and path.exists() else []
    if not shards:
        _refuse_columns(settings)

    if spec in NAMED:
        root = Path(settings.data_root)
        listing = partial(list_named, spec, root, settings.download, group)
        return _Source(partial(named_files, spec, root), root, listing)
    if ":" in spec and not path.exists():
        return _Source(list, path, partial(list_function, spec, group, labels))
    if shards:
        names = [file for file in {shard.with_name("classes.txt") for shard in shards} if file.exists()]
        listing = partial(list_parquet, path, group, settings.image_column, settings.label_column, labels)
        return _Source(lambda: [*shards, *names], path if path.is_dir() else path.parent, listing)
    return _on_disk(path, group, labels)


def _line_source(settings: DataSettings) -> _Source:
    """Where lines of text come from: Parquet, or a folder with its table."""
    path, group = Path(settings.data), column_name(settings.group)
    must_be_of_lines(settings)
    shards = parquet_files(path)
    if shards:
        listing = partial(list_line_parquet, path, group, settings.image_column, settings.label_column)
        return _Source(lambda: shards, path if path.is_dir() else path.parent, listing)
    _refuse_columns(settings)
    folder = LineFolder(path)
    return _Source(folder.files, path, partial(folder.listing, group), folder.remarks)


def _target_source(settings: DataSettings, needs: Needs) -> _Source:
    """Where images with several labels, or numbers, come from: arrays, Parquet, or a folder with its table."""
    spec, path, group = settings.data, Path(settings.data), column_name(settings.group)
    if spec in {*SHIPPED, *NAMED}:
        raise UserError(without_targets(needs))
    arrays = partial(list_target_arrays, needs=needs)
    is_function = ":" in spec and not path.exists()
    shards = [] if is_function or path.suffix == ".npz" else parquet_files(path)
    if shards:
        names = [file for file in {shard.with_name("classes.txt") for shard in shards} if file.exists()]
        columns = (settings.image_column, settings.label_column)
        listing = partial(list_target_parquet, path, group, columns, needs)
        return _Source(lambda: [*shards, *names], path if path.is_dir() else path.parent, listing)
    _refuse_columns(settings)
    if is_function:
        return _Source(list, path, partial(list_function, spec, group, listing=arrays))
    must_exist(path)
    if path.suffix == ".npz":
        return _Source(lambda: [path], path.parent, partial(list_npz, path, group, listing=arrays))
    if not path.is_dir():
        raise UserError(f"a file of data is .npz or .parquet; images are given as a folder with {LABELS}")
    folder = TargetFolder(path, needs)
    return _Source(folder.files, path, partial(folder.listing, group), folder.remarks)


def _refuse_columns(settings: DataSettings) -> None:
    for flag, column in (("image", settings.image_column), ("label", settings.label_column)):
        if column is not None:
            raise UserError(f"--{flag}-column {column}: only Parquet has columns")


def _on_disk(path: Path, group: str | None, labels: bool) -> _Source:
    must_exist(path)
    if path.suffix == ".npz":
        return _Source(lambda: [path], path.parent, partial(list_npz, path, group, labels))
    if not path.is_dir():
        raise UserError("a file of data is .npz or .parquet; images are given as a folder, a sub-folder for each class")
    folder = ImageFolder(path, labels=labels)
    return _Source(folder.files, path, partial(folder.listing, group), folder.remarks)
