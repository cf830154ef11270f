"""Labelled images as arrays: what can be loaded, and the fixed split of the training part."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.errors import UserError, unknown_name

__all__ = ["SHIPPED", "Dataset", "Split", "load", "split", "stratified"]

_PARTS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True)
class Dataset:
    """Images [N, C, H, W] uint8 and labels [N] int64 in 0..classes-1; the test part is read by `evaluate` alone."""

    name: str
    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.x_train.shape[1:]


@dataclass(frozen=True)
class Split:
    """Indices into a data set's training part: [N_train] and [N_validation] int64, disjoint, sorted."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def _fashion_small() -> Dataset:
    with (files("policysearch.child") / "shipped" / "fashion-small.npz").open("rb") as file:
        return _from_npz(np.load(file, allow_pickle=False), "fashion-small")


SHIPPED: dict[str, tuple[str, Callable[[], Dataset]]] = {
    "fashion-small": (
        "8,000 images of Fashion-MNIST, 28×28 grey, 10 classes; 4,000 train, 2,000 validation, 2,000 test",
        _fashion_small,
    ),
}


def load(spec: str) -> Dataset:
    """A data set by name, or from an `.npz` file with x_train, y_train, x_test, y_test.

    Images are uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] with C 1 or 3; labels whole numbers from 0;
    `classes`, an array of names, is optional.

    Raises:
        UserError: no such name, or the file is missing, unreadable or mis-shaped.
    """
    if spec in SHIPPED:
        return SHIPPED[spec][1]()
    if not spec.endswith(".npz"):
        error = unknown_name("data set", spec, SHIPPED)
        raise UserError(f"{error} A file of your own is given as PATH.npz.")
    try:
        with Path(spec).open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise UserError("this is no NumPy .npz file (np.savez writes one)")
            return _from_npz(np.load(file, allow_pickle=False), Path(spec).stem)
    except UserError as error:
        raise UserError(f"data {spec!r}: {error}") from None
    except OSError as error:
        raise UserError(f"cannot read data {spec!r}: {error.strerror or error}") from None
    except Exception:  # a damaged archive fails in zip, zlib, NumPy's parser or NumPy itself
        raise UserError(f"data {spec!r} is damaged, or holds something other than plain arrays") from None


def _from_npz(arrays: Any, name: str) -> Dataset:
    missing = [part for part in _PARTS if part not in arrays]
    if missing:
        raise UserError(f"{', '.join(missing)} missing; needed are {', '.join(_PARTS)}")
    x_train, x_test = (_images(arrays[part], part) for part in ("x_train", "x_test"))
    y_train = _labels(arrays["y_train"], len(x_train), "y_train")
    y_test = _labels(arrays["y_test"], len(x_test), "y_test")
    if x_train.shape[1:] != x_test.shape[1:]:
        raise UserError(f"x_train holds images {x_train.shape[1:]}, x_test {x_test.shape[1:]}: they must agree")
    count = int(y_train.max()) + 1
    if count < 2:
        raise UserError("y_train has one class; a search needs two or more")
    if count > len(y_train):
        raise UserError(
            f"y_train has label {count - 1}, more than its {len(y_train)} images can show: labels run from 0"
        )
    given = np.atleast_1d(arrays["classes"]) if "classes" in arrays else range(count)
    names = tuple(str(name) for name in given)
    for part, labels in (("y_train", y_train), ("y_test", y_test)):
        if labels.max() >= len(names):
            raise UserError(
                f"{part} has label {labels.max()}, but there are {len(names)} classes (0 to {len(names) - 1})"
            )
    return Dataset(name, x_train, y_train, x_test, y_test, names)


def _images(array: NDArray[Any], part: str) -> NDArray[np.uint8]:
    if array.dtype != np.uint8:
        raise UserError(f"{part} is {array.dtype}; images must be uint8 with values 0 to 255")
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or min(array.shape) < 1:
        raise UserError(
            f"{part} has shape {array.shape}; images must be [N, H, W], [N, H, W, C] or [N, C, H, W], C 1 or 3"
        )
    if not 8 <= min(array.shape[2:]) <= max(array.shape[2:]) <= 512:
        raise UserError(f"{part} holds images of {array.shape[2]}×{array.shape[3]} pixels; sides must be 8 to 512")
    return np.ascontiguousarray(array)


def _labels(array: NDArray[Any], count: int, part: str) -> NDArray[np.int64]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise UserError(f"{part} must be whole numbers of shape [N], got {array.dtype} {array.shape}")
    if len(array) != count:
        raise UserError(f"{part} has {len(array)} labels for {count} images")
    if array.min() < 0:
        raise UserError(f"{part} has label {array.min()}; labels start at 0")
    return array.astype(np.int64)


def split(dataset: Dataset, validation: int | None, seed: int) -> Split:
    """Cut the validation part from the training part, class by class, by seed.

    Args:
        dataset: what to split.
        validation: images of the validation part; None is a third of the training part, at most 5,000.
        seed: the same seed gives the same split.

    Raises:
        UserError: the part is too large, or a class is too small to have an image on both sides.
    """
    total = len(dataset.y_train)
    size = min(total // 3, 5000) if validation is None else validation
    counts = np.bincount(dataset.y_train, minlength=len(dataset.classes))
    if counts.min() < 2:
        k = int(counts.argmin())
        raise UserError(
            f"class {dataset.classes[k]!r} has {counts[k]} training images; at least 2 are needed for a validation part"
        )
    if not len(counts) <= size <= total - len(counts):
        raise UserError(
            f"validation of {size} images does not fit: {total} training images of {len(counts)} classes "
            f"allow {len(counts)} to {total - len(counts)}"
        )
    chosen = stratified(dataset.y_train, size, np.random.default_rng([seed, 0]), leave=1)
    return Split(np.setdiff1d(np.arange(total), chosen), chosen)


def stratified(labels: NDArray[np.int64], size: int, rng: np.random.Generator, leave: int = 0) -> NDArray[np.int64]:
    """`size` indices [size] int64, sorted, each class in proportion (at least one, `leave` left out of each)."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    taken = _shares(counts, size, leave)
    starts = np.cumsum(counts) - counts
    rank = np.arange(len(labels)) - np.repeat(starts, counts)
    return np.sort(order[rank < np.repeat(taken, counts)])


def _shares(counts: NDArray[np.int64], size: int, leave: int) -> NDArray[np.int64]:
    """How many of each class: by largest remainder, from 1 (if the class is there) to counts - leave."""
    ideal = counts * size / counts.sum()
    low, high = np.minimum(1, counts), np.maximum(counts - leave, 0)
    taken: NDArray[np.int64] = np.clip(np.floor(ideal).astype(np.int64), low, high)
    while taken.sum() != size:
        step = 1 if taken.sum() < size else -1
        room = (taken < high) if step > 0 else (taken > low)
        taken[np.where(room, step * (ideal - taken), -np.inf).argmax()] += step
    return taken
