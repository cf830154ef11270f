"""Decoded data sets in the user's cache folder, by the hash of what they were made of; any of it may be deleted."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.cache import cache_folder
from policysearch.core.errors import UserError
from policysearch.datasets.build import Parts
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.decoded import MASKS, Decoded, pixel_file

FORMAT = 5
"""Part of every key: one more whenever the same input is decoded to something else."""
COPIES = "copies.csv"
"""The file of a cached data set that names all its copies and near-copies, if it has any."""
_ARRAYS = (
    *("x_train", "y_train", "x_test", "y_test", "validation", "groups"),
    *("targets_train", "targets_test", "masks_train", "masks_test"),
)
_ROWS = 4096


def content_key(files: Sequence[Path], root: Path, choices: str) -> str:
    """The key of a decoded data set: a hash of its files and of how they are decoded.

    Contents are read again only when a file's name, size or time of change is another.

    Args:
        files: where the images are.
        root: the folder below which their names count.
        choices: the settings that decoding depends on, as text.
    """
    # Links of other names may lead to the same files, so both names count.
    listing = [(_below(path, root), str(path.resolve()), *_state(path)) for path in files]
    summary = cache_folder() / "listings" / sha(json.dumps(listing).encode())
    try:
        contents = summary.read_text(encoding="utf-8")
    except OSError:
        contents = sha(*(_file_hash(path, root) for path in files))
        _write_at_once(summary, contents)
    return sha(contents.encode(), choices.encode(), str(FORMAT).encode())


def _write_at_once(path: Path, text: str) -> None:
    """Write a file that another search may be reading."""
    with _writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as partial:
            partial.write(text)
        os.replace(partial.name, path)


def _state(path: Path) -> tuple[int, int]:
    """Size and time of change; -1 for a link that leads nowhere, which is reported when it is read."""
    if not path.is_file():
        return -1, -1
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _file_hash(path: Path, root: Path) -> bytes:
    if not path.is_file():
        return os.fsencode(_below(path, root))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return os.fsencode(_below(path, root)) + digest


def _below(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else Path(path.name)).as_posix()


def sha(*parts: bytes) -> str:
    """A hash of texts, 32 hexadecimal digits, that also depends on where one ends and the next begins."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]


def cached_dataset(key: str) -> Dataset | None:
    """The data set of that key, or None where it is not there or damaged."""
    folder = cache_folder() / "data" / key
    if not folder.exists():  # another search may be about to put it there
        return None
    try:
        return open_folder(folder)
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        shutil.rmtree(folder, ignore_errors=True)
        return None


def open_folder(folder: Path) -> Dataset:
    """A cached data set, memory-mapped, so that all processes of a machine share its pages.

    Raises:
        OSError, EOFError, ValueError, KeyError, TypeError: it is not there, or damaged.
    """
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="c") for name in meta["arrays"]}
    return Dataset(
        name=folder.name,
        classes=tuple(meta["classes"]),
        warnings=tuple(meta["warnings"]),
        digest=meta["digest"],
        handle=str(folder),
        labelled=meta.get("labelled", True),
        texts_train=tuple(meta.get("texts_train", ())),
        texts_test=tuple(meta.get("texts_test", ())),
        widths_train=tuple(meta.get("widths_train", ())),
        widths_test=tuple(meta.get("widths_test", ())),
        target_names=tuple(meta.get("target_names", ())),
        mask_classes=tuple(meta.get("mask_classes", ())),
        **arrays,
    )


def decode_and_keep(key: str, decode_into: Callable[[Path], tuple[Decoded, Parts]]) -> Dataset:
    """Decode a data set and keep it under a key.

    Args:
        key: from `content_key`.
        decode_into: decodes the images into the file that it is called with, and says which go where.

    Raises:
        UserError: the data are wrong, or the cache cannot be written.
    """
    final = cache_folder() / "data" / key
    with _writing():
        final.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=final.parent, prefix="partial-"))
    try:
        with _writing():
            decoded, parts = decode_into(partial / "pixels.npy")
            _write(partial, decoded, parts)
            (partial / "pixels.npy").unlink()
            (partial / MASKS).unlink(missing_ok=True)
            try:
                partial.rename(final)
            except OSError:  # another search may have put it there
                if not final.exists():
                    raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return open_folder(final)


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot keep decoded images in {cache_folder()}: {error.strerror or error}; "
            "set POLICYSEARCH_CACHE to a folder with room"
        ) from None


def _write(folder: Path, decoded: Decoded, parts: Parts) -> None:
    both = np.concatenate([parts.train, parts.validation])
    small: dict[str, NDArray[Any] | None] = {
        "y_train": parts.labels[both],
        "y_test": parts.labels[parts.test],
        "validation": np.arange(len(parts.train), len(both)) if len(parts.validation) else None,
        "groups": parts.groups,
        "targets_train": None if parts.targets is None else parts.targets[both],
        "targets_test": None if parts.targets is None else parts.targets[parts.test],
    }
    digest = hashlib.sha256(json.dumps([parts.classes, decoded.pixels.shape[1:]]).encode())
    large = {"x": decoded.pixels, **({} if decoded.masks is None else {"masks": decoded.masks})}
    sides = {"train": both, "test": parts.test}
    for array, values in large.items():
        for side, rows in sides.items():
            _write_pixels(folder / f"{array}_{side}.npy", values, rows, digest.update)
    for name, numbers in small.items():
        if numbers is not None:
            np.save(folder / f"{name}.npy", numbers)
            digest.update(name.encode() + numbers.tobytes())
    further = _further(parts, both)
    if further:
        digest.update(json.dumps(further).encode())
    meta = {
        **further,
        "classes": parts.classes,
        "warnings": parts.warnings,
        "digest": digest.hexdigest()[:32],
        "arrays": [name for name in _ARRAYS if (folder / f"{name}.npy").exists()],
    }
    if parts.copies:
        (folder / COPIES).write_text("".join(f"{line}\n" for line in parts.copies), encoding="utf-8")
    (folder / "meta.json").write_text(json.dumps(meta, indent=2), encoding="utf-8")


def _further(parts: Parts, train: NDArray[np.int64]) -> dict[str, Any]:
    """What is noted of data without labels, with texts, targets or masks; nothing of others, whose digest stays."""
    if parts.target_names:
        return {"target_names": parts.target_names}
    if parts.mask_classes:
        return {"mask_classes": parts.mask_classes}
    if parts.texts:
        fields, of_part = {"texts": parts.texts, "widths": parts.widths}, {"train": train, "test": parts.test}
        return {
            f"{field}_{part}": [values[row] for row in rows]
            for field, values in fields.items()
            for part, rows in of_part.items()
        }
    return {} if parts.labelled else {"labelled": False}


def _write_pixels(
    path: Path, pixels: NDArray[np.uint8], rows: NDArray[np.int64], update_digest: Callable[[bytes], object]
) -> None:
    out = pixel_file(path, (len(rows), *pixels.shape[1:]))
    for start in range(0, len(rows), _ROWS):
        out[start : start + _ROWS] = chunk = pixels[rows[start : start + _ROWS]]
        update_digest(chunk.tobytes())
    out.flush()
