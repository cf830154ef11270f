"""Arrays: an `.npz` file, or what a function of the user's own returns."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from policysearch.core.errors import UserError
from policysearch.core.user_code import function
from policysearch.datasets.groups import group_name
from policysearch.datasets.source import PARTS, TRAIN, Item, Listing

_TUPLE = ("x_train", "y_train", "x_test", "y_test")


def list_npz(path: Path, group: str | None) -> Listing:
    """The images of an `.npz` file, as `list_arrays` takes them.

    Raises:
        UserError: the file is missing, damaged or mis-shaped.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise UserError("this is no NumPy .npz file (np.savez writes one)")
            arrays = dict(np.load(file, allow_pickle=False))
    except (UserError, OSError):
        raise
    except Exception:  # a damaged archive fails in zip, zlib, NumPy's parser or NumPy itself
        raise UserError("it is damaged, or holds something other than plain arrays") from None
    return list_arrays(arrays, group)


def list_function(spec: str, group: str | None) -> Listing:
    """The images that MODULE:FUNCTION or PATH.py:FUNCTION returns, called without arguments.

    It returns a mapping as `list_arrays` takes it, or a tuple (x_train, y_train) or (x_train, y_train, x_test, y_test).

    Raises:
        UserError: it cannot be loaded, raises, or returns something else.
    """
    made = function(spec, "its function")
    try:
        given = made()
    except (Exception, SystemExit) as error:  # the user's own function may raise anything
        raise UserError(f"the function failed: {_in_short(error)}") from None
    if isinstance(given, tuple) and len(given) in (2, 4):
        given = dict(zip(_TUPLE, given, strict=False))
    if not isinstance(given, Mapping):
        raise UserError(
            f"the function returned {type(given).__name__}; it must return arrays: a mapping by the names of an .npz, "
            f"or ({', '.join(_TUPLE)})"
        )
    return list_arrays({str(name): _array(str(name), array) for name, array in given.items()}, group)


def _array(name: str, given: Any) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except Exception as error:  # lists of unequal lengths, tensors on a GPU, objects of the user's own
        raise UserError(f"{name} is no array: {_in_short(error)}") from None


def _in_short(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def list_arrays(arrays: Mapping[str, NDArray[Any]], group: str | None) -> Listing:
    """Images of x_train, y_train and, if there, x_validation, y_validation, x_test, y_test and classes.

    Images are uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] with C 1 or 3; labels whole numbers from 0.

    Args:
        arrays: by name.
        group: the array [N_train] that holds the groups, or None.

    Raises:
        UserError: an array is missing or mis-shaped.
    """
    classes = tuple(str(name) for name in np.atleast_1d(arrays["classes"])) if "classes" in arrays else None
    items = [item for part in PARTS for item in _items(arrays, part, group if part == TRAIN else None)]
    return Listing(items, classes)


def _items(arrays: Mapping[str, NDArray[Any]], part: str, group: str | None) -> Iterator[Item]:
    x, y = f"x_{part}", f"y_{part}"
    missing = [name for name in (x, y) if name not in arrays]
    if len(missing) == 1 or (missing and part == TRAIN):
        raise UserError(
            f"{' and '.join(missing)} missing; x_train and y_train are needed, x_validation, y_validation, x_test and "
            f"y_test may stand; there are {', '.join(arrays)}"
        )
    if missing:
        return
    images = _images(arrays[x], x)
    labels = _labels(arrays[y], len(images), y)
    groups = _groups(arrays, group, len(images))
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        yield Item(f"{part}[{i}]", part, partial(_given, image, label), groups[i])


def _groups(arrays: Mapping[str, NDArray[Any]], group: str | None, count: int) -> list[str | None]:
    if group is None:
        return [None] * count
    if group not in arrays or arrays[group].shape != (count,):
        raise UserError(f"--group {group}: there is no such array of shape ({count},); arrays: {', '.join(arrays)}")
    return [group_name(value) for value in arrays[group]]


def _given(image: NDArray[np.uint8], label: int) -> tuple[Image.Image, int]:
    return Image.fromarray(image), label


def _images(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """[N, H, W] or [N, H, W, 3]."""
    if array.dtype != np.uint8:
        raise UserError(f"{name} is {array.dtype}; images must be uint8 with values 0 to 255")
    if array.ndim == 4 and array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[:, :, :, 0]
    if not (array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 3)) or min(array.shape) < 1:
        raise UserError(
            f"{name} has shape {array.shape}; images must be [N, H, W], [N, H, W, C] or [N, C, H, W], C 1 or 3"
        )
    return np.ascontiguousarray(array)


def _labels(array: NDArray[Any], count: int, name: str) -> list[int]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise UserError(f"{name} must be whole numbers of shape [N], got {array.dtype} {array.shape}")
    if len(array) != count:
        raise UserError(f"{name} has {len(array)} labels for {count} images")
    return [int(label) for label in array]
