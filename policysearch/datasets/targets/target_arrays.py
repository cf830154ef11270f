"""Arrays of images and of their targets, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.datasets.arrays import CLASSES, groups_of, images_of, items_of, names_of_part
from policysearch.datasets.source import PARTS, TRAIN, Item, Listing, hidden_labels
from policysearch.datasets.targets.kinds import default_names, rows_of
from policysearch.datasets.targets.needs import TARGET_NEEDS


def list_target_arrays(arrays: Mapping[str, NDArray[Any]], group: str | None, needs: str) -> Listing:
    """The images of arrays as `list_arrays` takes them, whose labels are targets.

    Args:
        arrays: by name; `classes` has a name for each column of the targets.
        group: the array [N_train] that holds the groups, or None.
        needs: which targets they are.

    Raises:
        UserError: an array is missing or mis-shaped, or the parts have targets of different shapes.
    """
    items: list[Item] = []
    warnings: list[str] = []
    counts: dict[str, int] = {}
    for part in PARTS:
        names = names_of_part(part, arrays)
        if names is None:
            continue
        images = images_of(arrays[names[0]], names[0])
        targets = rows_of(arrays[names[1]], len(images), names[1], needs)
        if targets is None and part != TRAIN:
            warnings.append(hidden_labels(part))
            continue
        if targets is None:
            raise UserError(f"{names[1]} is all -1 or nan, and {TARGET_NEEDS[needs].what} are needed to train")
        counts[names[1]] = targets.shape[1]
        groups = groups_of(arrays, group if part == TRAIN else None, len(images))
        items += items_of(part, images, [0] * len(images), groups, targets)

    if len(set(counts.values())) > 1:
        shapes = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise UserError(f"all parts must have as many targets per image: {shapes}")
    names_in_file = tuple(str(name) for name in np.atleast_1d(arrays[CLASSES])) if CLASSES in arrays else None
    return Listing(items, names_in_file or default_names(needs, counts.popitem()[1]), tuple(warnings))
