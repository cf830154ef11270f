"""The images with masks that ship with the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.datasets.dataset import Dataset
from policysearch.datasets.segmentation.contents import MASK
from policysearch.datasets.source import TEST, TRAIN, VALIDATION

_FIELDS = ("x", "masks")


def shipped_masks(name: str, arrays: Mapping[str, NDArray[Any]]) -> Dataset:
    """A data set of arrays x and masks of each part.

    Args:
        name: of the data set.
        arrays: by name: x_train [N, H, W] uint8, masks_train [N, H, W] uint8, and so on for validation and test; and
            classes, the names of the classes of pixels.
    """
    both = {field: np.concatenate([arrays[f"{field}_{TRAIN}"], arrays[f"{field}_{VALIDATION}"]]) for field in _FIELDS}
    first, count = len(arrays[f"x_{TRAIN}"]), len(both["x"])
    return Dataset(
        name,
        both["x"][:, None],
        np.zeros(count, np.int64),
        arrays[f"x_{TEST}"][:, None],
        np.zeros(len(arrays[f"x_{TEST}"]), np.int64),
        MASK,
        validation=np.arange(first, count),
        masks_train=both["masks"],
        masks_test=arrays[f"masks_{TEST}"],
        mask_classes=tuple(map(str, arrays["classes"])),
    )
