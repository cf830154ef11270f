"""Arrays that are given from Python: kept in a file, so that workers and a search that is resumed find them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.cache import cache_folder
from policysearch.core.errors import UserError
from policysearch.core.files import replacing
from policysearch.datasets.arrays import arrays_by_name
from policysearch.datasets.dataset import Dataset

GROUPS = "groups"
"""The array that holds the groups of a data set, if it has any."""


def file_of_arrays(data: Any) -> Path:
    """The `.npz` file of arrays, by the hash of their contents; written where it is not there yet.

    Args:
        data: a mapping by the names of an `.npz`, a tuple (x_train, y_train) or (x_train, y_train, x_test, y_test),
            pairs ((x_train, y_train), (x_test, y_test)), an array of images without labels, or a `Dataset`.

    Returns:
        A file in the cache folder, below `arrays`.

    Raises:
        UserError: it is none of these, or the file cannot be written.
    """
    arrays = _arrays_of(data)
    path = cache_folder() / "arrays" / f"arrays-{_digest(arrays)}.npz"
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise UserError(f"data: cannot write {path}: {error.strerror or error}") from None
    return path


def _arrays_of(data: Any) -> dict[str, Any]:
    if not isinstance(data, Dataset):
        return {**arrays_by_name({"x_train": data} if isinstance(data, np.ndarray) else data, "data is of type")}
    if data.texts_train:
        raise UserError(f"data {data.name} are lines of text: give --data the folder or file that they come from")
    held_out = np.zeros(0, np.int64) if data.validation is None else data.validation
    rest = np.setdiff1d(np.arange(len(data.x_train)), held_out)
    arrays: dict[str, NDArray[Any]] = {"x_train": data.x_train[rest], "x_test": data.x_test}
    labels: dict[str, NDArray[Any]] = {"y_train": data.y_train[rest], "y_test": data.y_test}
    if len(held_out):
        arrays["x_validation"], labels["y_validation"] = data.x_train[held_out], data.y_train[held_out]
    if data.groups is not None:
        arrays[GROUPS] = data.groups[rest]
    filled = {name: array for name, array in arrays.items() if len(array)}
    if not data.labelled:
        return filled
    return {
        **filled,
        **{name: array for name, array in labels.items() if len(array)},
        "classes": np.array(data.classes),
    }


def _digest(arrays: dict[str, Any]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data if array.dtype != object else repr(array.tolist()).encode())
    return digest.hexdigest()[:12]
