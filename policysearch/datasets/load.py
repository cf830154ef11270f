"""Which source a person means, and its data set: from the cache, or decoded now."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np

from policysearch.core.errors import UserError, unknown_name
from policysearch.datasets.build import Parts, assembled
from policysearch.datasets.cache import FORMAT, content_key, found, made, open_folder, sha
from policysearch.datasets.config import DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.decode import Decoded, Tell, decode
from policysearch.datasets.groups import is_file
from policysearch.datasets.image_folder import image_files, list_folder
from policysearch.datasets.npz import list_function, list_npz
from policysearch.datasets.parquet import list_parquet, parquet_files
from policysearch.datasets.registry import NAMED, SHIPPED, list_named, named_files
from policysearch.datasets.source import Listing

_SHIPPED = files("policysearch.datasets") / "shipped"


@dataclass(frozen=True)
class _Source:
    """Where images come from: the files they are in (none: only `listed` can tell), and how these are listed."""

    files: Callable[[], Sequence[Path]]
    root: Path
    listed: Callable[[], Listing]


def load(settings: DataSettings | str, tell: Tell = lambda done, total: None) -> Dataset:
    """The data set that is meant, decoded once and from then on memory-mapped from the cache.

    Args:
        settings: which, and how it is brought to one size; a text is the data alone.
        tell: told how many images are decoded, now and then, if they are.

    Raises:
        UserError: there is no such data, or something about them is wrong; the message begins with their name.
    """
    settings = DataSettings(data=settings) if isinstance(settings, str) else settings
    if settings.data in SHIPPED and settings.resize is None and settings.group is None:
        return _shipped(settings.data)
    try:
        return replace(_cached(settings, _source(settings), tell), name=_name(settings.data))
    except OSError as error:
        raise UserError(f"data {settings.data!r}: cannot read {error.filename}: {error.strerror or error}") from None
    except UserError as error:
        raise UserError(f"data {settings.data!r}: {error}") from None


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
    return _shipped(handle) if handle in SHIPPED else open_folder(Path(handle))


def _shipped(name: str) -> Dataset:
    path = _SHIPPED / f"{name}.npz"
    with path.open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        x_train, x_test = arrays["x_train"][:, None], arrays["x_test"][:, None]
        y_train, y_test = arrays["y_train"].astype(np.int64), arrays["y_test"].astype(np.int64)
        classes = tuple(map(str, arrays["classes"]))
    return Dataset(name, x_train, y_train, x_test, y_test, classes, digest=sha(path.read_bytes()), handle=name)


def _cached(settings: DataSettings, source: _Source, tell: Tell) -> Dataset:
    told = json.dumps(settings.model_dump(include={"resize", "aspect", "skip_damaged"}))
    group = sha(Path(settings.group).read_bytes()) if settings.group and is_file(settings.group) else settings.group
    told = json.dumps([told, group, settings.data if settings.data in NAMED else ""])
    here = source.files()
    known = found(content_key(here, source.root, told)) if here else None
    if known is not None:
        return known
    listing = source.listed()
    here = source.files()  # there are more where they were downloaded just now
    if here:
        key = content_key(here, source.root, told)
    else:
        key = sha(told.encode(), str(FORMAT).encode(), *_contents(listing))
    return found(key) or made(key, partial(_decoded, listing, settings, tell))


def _contents(listing: Listing) -> list[bytes]:
    read = ((item, *item.read()) for item in listing.items)
    images = (
        sha(image.tobytes(), f"{image.size} {label} {item.part} {item.group}".encode()) for item, image, label in read
    )
    return [json.dumps(listing.classes).encode(), *(image.encode() for image in images)]


def _decoded(listing: Listing, settings: DataSettings, tell: Tell, scratch: Path) -> tuple[Decoded, Parts]:
    decoded = decode(listing.items, settings, scratch, tell)
    return decoded, assembled(listing, decoded, settings.group)


def _source(settings: DataSettings) -> _Source:
    spec, path = settings.data, Path(settings.data)
    column = None if is_file(settings.group) else settings.group
    if spec in SHIPPED:
        path = Path(str(_SHIPPED / f"{spec}.npz"))
    if spec in NAMED:
        root = Path(settings.data_root)
        listed = partial(list_named, spec, root, settings.download, column)
        return _Source(partial(named_files, spec, root), root, listed)
    if ":" in spec and not path.exists():
        return _Source(list, path, partial(list_function, spec, column))
    return _on_disk(path, column)


def _on_disk(path: Path, column: str | None) -> _Source:
    if not path.exists():
        if path.suffix or len(path.parts) > 1:
            raise UserError("No such file or folder")
        unknown = unknown_name("data set", str(path), [*SHIPPED, *NAMED])
        raise UserError(
            f"there is no such folder here, and {unknown} Data of your own are a folder of images or Parquet, "
            "PATH.npz, or module:function."
        )
    if path.suffix == ".npz":
        return _Source(lambda: [path], path.parent, partial(list_npz, path, column))
    shards = parquet_files(path)
    if shards:
        beside = [name for name in {shard.with_name("classes.txt") for shard in shards} if name.exists()]
        return _Source(
            lambda: [*shards, *beside], path if path.is_dir() else path.parent, partial(list_parquet, path, column)
        )
    if not path.is_dir():
        raise UserError("a file of data is .npz or .parquet; images are given as a folder, a sub-folder a class")
    return _Source(partial(image_files, path), path, partial(list_folder, path, column))
