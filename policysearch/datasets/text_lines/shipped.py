"""The lines of text that ship with the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.datasets.dataset import Dataset
from policysearch.datasets.source import TEST, TRAIN, VALIDATION
from policysearch.datasets.text_lines.contents import LINE

_FIELDS = ("x", "texts", "widths")


def shipped_lines(name: str, arrays: Mapping[str, NDArray[Any]]) -> Dataset:
    """A data set of arrays x, texts and widths of each part.

    Args:
        name: of the data set.
        arrays: by name: x_train [N, H, W] uint8, texts_train [N] str, widths_train [N] int, and so on for validation
            and test.
    """
    both = {field: np.concatenate([arrays[f"{field}_{TRAIN}"], arrays[f"{field}_{VALIDATION}"]]) for field in _FIELDS}
    first, count = len(arrays[f"x_{TRAIN}"]), len(both["x"])
    return Dataset(
        name,
        both["x"][:, None],
        np.zeros(count, np.int64),
        arrays[f"x_{TEST}"][:, None],
        np.zeros(len(arrays[f"x_{TEST}"]), np.int64),
        LINE,
        validation=np.arange(first, count),
        texts_train=tuple(both["texts"].tolist()),
        texts_test=tuple(arrays[f"texts_{TEST}"].tolist()),
        widths_train=tuple(both["widths"].tolist()),
        widths_test=tuple(arrays[f"widths_{TEST}"].tolist()),
    )
