"""The two kinds of targets, sets of labels and numbers, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError

Targets = NDArray[np.floating[Any]]
"""[N, K]: float32 0 or 1 for sets of labels, float64 for numbers."""
_LARGEST = 1e30
"""Numbers are squared, in float32 too."""


@dataclass(frozen=True)
class _Reading:
    """How an array of targets is read.

    Attributes:
        read: (array, its name) -> targets [N, K]; raises `UserError` for values that are none.
        hides: whether an array of numbers stands for targets that are not there.
    """

    read: Callable[[NDArray[Any], str], Targets]
    hides: Callable[[NDArray[Any]], bool]


def rows_of(array: NDArray[Any], count: int, name: str, needs: str) -> Targets | None:
    """The targets of a part's images, or None where they are hidden: all -1, or all nan.

    Args:
        array: as it was given.
        count: images of the part.
        name: of the array, for messages.
        needs: which targets they are.

    Raises:
        UserError: they are none, or are not one row per image.
    """
    if array.ndim < 1 or len(array) != count:
        raise UserError(f"{name} has {len(array) if array.ndim else 'no'} rows for {count} images")
    reading = _READINGS[needs]
    if array.size and _is_numeric(array.dtype) and reading.hides(array):
        return None
    return reading.read(array, name)


def _label_sets(array: NDArray[Any], name: str) -> Targets:
    if array.ndim == 1 and np.issubdtype(array.dtype, np.integer):
        raise UserError(
            f"{name} has one label per image: --task multi-label needs [N, classes] of 0 and 1, and one class per "
            "image is learned without --task multi-label"
        )
    if array.ndim != 2 or not array.shape[1] or not _is_numeric(array.dtype):
        raise UserError(f"{name} must be [N, classes] of 0 and 1, got {array.dtype} {array.shape}")
    for row, column in np.argwhere((array != 0) & (array != 1))[:1]:
        raise UserError(f"{name} has {array[row, column]:g} at [{row}, {column}]: a label is 1 where it is there, or 0")
    return array.astype(np.float32)


def _numbers(array: NDArray[Any], name: str) -> Targets:
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not array.shape[1] or not _is_numeric(array.dtype) or array.dtype == np.bool_:
        raise UserError(f"{name} must be numbers of shape [N] or [N, numbers], got {array.dtype} {array.shape}")
    values = array.astype(np.float64)
    for row, column in np.argwhere(~(np.abs(values) < _LARGEST))[:1]:
        raise UserError(f"{name} has {values[row, column]:g} at [{row}, {column}]: numbers must be finite and small")
    return values


def _is_numeric(dtype: np.dtype[Any]) -> bool:
    return any(np.issubdtype(dtype, kind) for kind in (np.integer, np.floating, np.bool_))


_READINGS: Mapping[str, _Reading] = MappingProxyType(
    {
        "label-sets": _Reading(_label_sets, lambda array: bool((array == -1).all())),
        "numbers": _Reading(_numbers, lambda array: bool(np.isnan(array).all())),
    }
)


def default_names(needs: str, count: int) -> tuple[str, ...]:
    """What targets are called that have no names.

    Example:
        >>> default_names("label-sets", 2), default_names("numbers", 1), default_names("numbers", 2)
        (('0', '1'), ('number',), ('number 0', 'number 1'))
    """
    if needs == "label-sets":
        return tuple(map(str, range(count)))
    return ("number",) if count == 1 else tuple(f"number {i}" for i in range(count))


def label_sets(sets: Sequence[Sequence[int]], count: int) -> Targets:
    """[N, count] float32: which labels each set has, by their numbers.

    Example:
        >>> label_sets([[0, 2], []], 3).tolist()
        [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    rows = np.zeros((len(sets), count), np.float32)
    for row, labels in zip(rows, sets, strict=True):
        row[list(labels)] = 1
    return rows


def named_label_sets(sets: Sequence[Sequence[str]], names: Sequence[str]) -> Targets:
    """[N, K] float32: which of K names each set has."""
    place = {name: i for i, name in reversed([*enumerate(names)])}  # the first of two that are alike
    return label_sets([[place[label] for label in labels] for labels in sets], len(names))
