"""Arrays of images and masks, by name: from an `.npz` file, or returned by a function of the user's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from policysearch.core.errors import UserError
from policysearch.datasets.arrays import CLASSES, groups_of, image_names, images_of, items_of
from policysearch.datasets.source import PARTS, TRAIN, Item, Listing

_MASKS = ("masks_{}", "mask_{}", "{}_masks", "y_{}", "{}_labels")
_FORM = "masks_train [N, H, W], whole numbers, beside x_train (masks_validation and masks_test alike)"


def mask_names(names: Iterable[str], group: str | None) -> list[str]:
    """Those of the names of arrays that `list_mask_arrays` reads."""
    read = {name for part in PARTS for name in (*image_names(part), *_names(part))}
    return [name for name in names if name.lower() in read or name in (CLASSES, group)]


def list_mask_arrays(arrays: Mapping[str, NDArray[Any]], group: str | None) -> Listing:
    """The images with masks of arrays by name.

    Images are as for `list_arrays`; masks are masks_train, masks_validation and masks_test, whole numbers or booleans
    [N, H, W], [N, H, W, 1] or [N, 1, H, W], 255 for a pixel without a class; y_train and so on mean the same. `classes`
    has a name for each class. Parts other than train may lack.

    Args:
        arrays: by name.
        group: the array [N_train] that holds the groups, or None.

    Raises:
        UserError: an array is missing or mis-shaped.
    """
    classes = tuple(str(name) for name in np.atleast_1d(arrays[CLASSES])) if CLASSES in arrays else None
    items: list[Item] = []
    as_written = {name.lower(): name for name in arrays}
    for part in PARTS:
        images, masks = (
            _only(part, [as_written[name] for name in names if name in as_written], what)
            for names, what in ((image_names(part), "images"), (_names(part), "masks"))
        )
        if part != TRAIN and images is None and masks is None:
            continue
        if images is None or masks is None:
            missing = "masks" if masks is None else "images"
            raise UserError(f"the {part} part has no {missing}: there must be {_FORM}; there are {', '.join(arrays)}")
        items += _items(part, images_of(arrays[images], images), _masks(arrays, masks, images), arrays, group)
    return Listing(items, classes)


def _names(part: str) -> list[str]:
    """The names that a part's masks may have, in lower case."""
    return image_names(part, _MASKS)


def _only(part: str, names: list[str], what: str) -> str | None:
    if len(names) > 1:
        raise UserError(f"which array has the {what} of the {part} part: {', '.join(names)}? Leave out the others")
    return names[0] if names else None


def _masks(arrays: Mapping[str, NDArray[Any]], name: str, images: str) -> NDArray[np.int64]:
    """[N, H, W]."""
    masks = arrays[name]
    if masks.ndim == 4 and 1 in (masks.shape[1], masks.shape[3]):
        masks = masks.squeeze(1 if masks.shape[1] == 1 else 3)
    if masks.ndim == 1:
        raise UserError(
            f"{name} has a label for each image and no masks: --task segmentation needs {_FORM}; leave it out to learn "
            "the labels"
        )
    whole = np.issubdtype(masks.dtype, np.integer) or masks.dtype == np.bool_
    if masks.ndim != 3 or not whole:
        raise UserError(f"{name} is {masks.dtype} {arrays[name].shape}; there must be {_FORM}")
    if len(masks) != len(arrays[images]):
        raise UserError(f"{name} has {len(masks)} masks for {len(arrays[images])} images of {images}")
    return masks.astype(np.int64)


def _items(
    part: str,
    images: NDArray[np.uint8],
    masks: NDArray[np.int64],
    arrays: Mapping[str, NDArray[Any]],
    group: str | None,
) -> Iterator[Item]:
    groups = groups_of(arrays, group if part == TRAIN else None, len(images))
    for item, mask in zip(items_of(part, images, [0] * len(images), groups), masks, strict=True):
        yield replace(item, mask=partial(_mask_of, mask))


def _mask_of(mask: NDArray[np.int64]) -> Image.Image:
    return Image.fromarray(mask.clip(-1, 2**31 - 1).astype(np.int32))
