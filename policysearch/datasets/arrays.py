"""Arrays of images and labels, by name: from an `.npz` file, or returned by a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from policysearch.core.errors import UserError, in_one_line
from policysearch.core.user_code import function
from policysearch.datasets.groups import group_name
from policysearch.datasets.source import PARTS, TEST, TRAIN, VALIDATION, Item, Listing, hidden_labels

CLASSES = "classes"
"""The array that has a name for each class, or for each column of targets."""
_NAMINGS = (("x_{}", "y_{}"), ("{}_images", "{}_labels"), ("{}_x", "{}_y"))
"""How arrays of images and of labels are named: ours and Keras's, MedMNIST's, and the first turned round."""
_IMAGES = tuple(images for images, _ in _NAMINGS)
_PARTS_IN_NAMES = {TRAIN: ("train",), VALIDATION: ("validation", "val", "valid", "dev"), TEST: ("test",)}
_TUPLE = ("x_train", "y_train", "x_test", "y_test")
_PAIRS = {2: (TRAIN, TEST), 3: (TRAIN, VALIDATION, TEST)}
"""The parts of a tuple of that many pairs (images, labels)."""


ListArrays = Callable[[Mapping[str, NDArray[Any]], "str | None"], Listing]
"""(arrays by name, the array that holds the groups, or None) -> their images."""


def list_function(spec: str, group: str | None, labels: bool = True, listing: ListArrays | None = None) -> Listing:
    """The images that MODULE:FUNCTION or PATH.py:FUNCTION returns, called without arguments.

    It returns a mapping as `list_arrays` takes it, a tuple (x_train, y_train) or (x_train, y_train, x_test, y_test), or
    pairs as Keras has them: ((x_train, y_train), (x_test, y_test)), with a pair for validation in between or without.

    Args:
        spec: which function.
        group: the array [N_train] that holds the groups, or None.
        labels: whether there must be labels; else it may return images alone, as one array or in a mapping.
        listing: what lists the images of its arrays; None: `list_arrays`.

    Raises:
        UserError: it cannot be loaded, raises, or returns something else.
    """
    load_data = function(spec, "its function")
    try:
        returned = load_data()
    except (Exception, SystemExit) as error:  # the user's own function may raise anything
        raise UserError(f"the function failed: {_in_short(error)}") from None
    if not labels and isinstance(returned, np.ndarray):
        returned = {_TUPLE[0]: returned}
    read = arrays_by_name(returned, "the function returned")
    return list_arrays(read, group, labels) if listing is None else listing(read, group)


def arrays_by_name(returned: Any, subject: str) -> dict[str, NDArray[Any]]:
    """Arrays by the names of an `.npz`, out of a mapping, a tuple or pairs.

    Args:
        returned: as `list_function` takes it.
        subject: where it comes from, as a message begins.

    Raises:
        UserError: it is nothing of these, or a value is no array.
    """
    return {str(name): _array(str(name), array) for name, array in _by_name(returned, subject).items()}


def _by_name(returned: Any, subject: str) -> Mapping[Any, Any]:
    if isinstance(returned, Mapping):
        return returned
    if isinstance(returned, tuple) and len(returned) in _PAIRS and all(map(_is_pair, returned)):
        pairs = zip(_PAIRS[len(returned)], returned, strict=True)
        return {f"{letter}_{part}": array for part, pair in pairs for letter, array in zip("xy", pair, strict=True)}
    if isinstance(returned, tuple) and len(returned) in (2, 4):
        return dict(zip(_TUPLE, returned, strict=False))
    raise UserError(
        f"{subject} {type(returned).__name__}, and must be arrays: a mapping by the names of an .npz, "
        f"({', '.join(_TUPLE)}), or ((x_train, y_train), (x_test, y_test))"
    )


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) == 2


def _array(name: str, values: Any) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except Exception as error:  # lists of unequal lengths, tensors on a GPU, objects of the user's own
        raise UserError(f"{name} is no array: {_in_short(error)}") from None


def _in_short(error: BaseException) -> str:
    return in_one_line(error)[:200]


def array_names(names: Iterable[str], group: str | None) -> list[str]:
    """Those of the names of arrays that `list_arrays` reads."""
    read = {name.lower() for pairs in _pairs_of_names().values() for pair in pairs for name in pair}
    return [name for name in names if name.lower() in read or name in (CLASSES, group)]


def image_names(part: str, patterns: Sequence[str] = _IMAGES) -> list[str]:
    """The names that the images of a part may have, in lower case.

    Args:
        part: train, validation or test.
        patterns: of these names, with {} for the part's word.
    """
    return [pattern.format(word) for pattern in patterns for word in _PARTS_IN_NAMES[part]]


def _pairs_of_names() -> dict[str, list[tuple[str, str]]]:
    """For each part, the names that its images and its labels may have, in lower case."""
    return {
        part: [(x.format(word), y.format(word)) for x, y in _NAMINGS for word in words]
        for part, words in _PARTS_IN_NAMES.items()
    }


def list_arrays(arrays: Mapping[str, NDArray[Any]], group: str | None, labels: bool = True) -> Listing:
    """The images of arrays by name.

    Images are x_train, x_validation and x_test, uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] with C 1 or 3; labels are
    y_train and so on, whole numbers from 0, [N] or [N, 1]; `classes` has a name for each. MedMNIST's names,
    train_images, train_labels, val_images and so on, mean the same. Parts other than train may lack.

    Args:
        arrays: by name.
        group: the array [N_train] that holds the groups, or None.
        labels: whether there must be labels; else those of the training part may be missing or all -1, and then those
            of the other parts are not read.

    Raises:
        UserError: an array is missing or mis-shaped.
    """
    if not labels and _is_unlabelled(arrays):
        return _unlabelled(arrays, group)
    classes = tuple(str(name) for name in np.atleast_1d(arrays[CLASSES])) if CLASSES in arrays else None
    items: list[Item] = []
    warnings: list[str] = []
    for part in PARTS:
        names = names_of_part(part, arrays)
        if names is None:
            continue
        images = images_of(arrays[names[0]], names[0])
        numbers = _labels(arrays[names[1]], len(images), names[1])
        if part != TRAIN and numbers and max(numbers) < 0:
            warnings.append(hidden_labels(part))
            continue
        groups = groups_of(arrays, group if part == TRAIN else None, len(images))
        items += items_of(part, images, numbers, groups)
    return Listing(items, classes, tuple(warnings))


def _is_unlabelled(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether the training part has no labels, or only -1 for hidden ones."""
    as_written = {name.lower(): name for name in arrays}
    of_train = [as_written[y] for _, y in _pairs_of_names()[TRAIN] if y in as_written]
    if not of_train:
        return True
    labels = arrays[of_train[0]]
    return bool(np.issubdtype(labels.dtype, np.integer) and labels.size and labels.max() < 0)


def _unlabelled(arrays: Mapping[str, NDArray[Any]], group: str | None) -> Listing:
    """The images of arrays, without labels."""
    as_written = {name.lower(): name for name in arrays}
    items: list[Item] = []
    for part in PARTS:
        names = [as_written[x] for x, _ in _pairs_of_names()[part] if x in as_written]
        if len(names) > 1:
            raise UserError(f"which array has the images of the {part} part: {', '.join(names)}? Leave out the others")
        if not names and part != TRAIN:
            continue
        if not names:
            raise UserError(f"x_train missing (or train_images); there are {', '.join(arrays)}")
        images = images_of(arrays[names[0]], names[0])
        groups = groups_of(arrays, group if part == TRAIN else None, len(images))
        items += items_of(part, images, [0] * len(images), groups)
    return Listing(items, None, labelled=False)


def names_of_part(part: str, arrays: Mapping[str, Any]) -> tuple[str, str] | None:
    """The names of a part's images and labels, or None where it has neither.

    Args:
        part: train, validation or test.
        arrays: by name.

    Raises:
        UserError: the part has one of the two alone, or several of one.
    """
    as_written = {name.lower(): name for name in arrays}
    pairs = [
        tuple(as_written.get(name, "") for name in pair)
        for pair in _pairs_of_names()[part]
        if not as_written.keys().isdisjoint(pair)
    ]
    if len(pairs) == 1 and all(pairs[0]):
        images, labels = pairs[0]
        return images, labels
    if not pairs and part != TRAIN:
        return None
    if len(pairs) > 1:
        names = ", ".join(name for pair in pairs for name in pair if name)
        raise UserError(f"which arrays are the {part} part: {names}? Leave out the others")
    begun = (pair for pair in _pairs_of_names()[part] if not as_written.keys().isdisjoint(pair))
    missing = [name for name in next(begun, ("x_train", "y_train")) if name not in as_written]
    raise UserError(
        f"{' and '.join(missing)} missing; x_train and y_train are needed, x_validation, y_validation, x_test and "
        f"y_test may be there (or train_images, train_labels, val_images, …); there are {', '.join(arrays)}"
        f"{'; images without labels are for --task self-supervised' if missing == ['y_train'] else ''}"
    )


def items_of(
    part: str,
    images: NDArray[np.uint8],
    labels: list[int],
    groups: list[str | None],
    targets: NDArray[np.floating[Any]] | None = None,
) -> Iterator[Item]:
    """The images of a part.

    Args:
        part: its name.
        images: N of them.
        labels: N of them.
        groups: N of them.
        targets: [N, K] where images have several labels, or numbers.
    """
    rows = [None] * len(images) if targets is None else targets
    for i, (image, label, row) in enumerate(zip(images, labels, rows, strict=True)):
        yield Item(f"{part}[{i}]", part, partial(_image, image, label), groups[i], targets=row)


def _image(values: NDArray[np.uint8], label: int) -> tuple[Image.Image, int]:
    return Image.fromarray(values), label


def groups_of(arrays: Mapping[str, NDArray[Any]], group: str | None, count: int) -> list[str | None]:
    """The group of each image.

    Args:
        arrays: by name.
        group: the array that holds the groups, or None.
        count: images.

    Raises:
        UserError: there is no such array, or it is of another length.
    """
    if group is None:
        return [None] * count
    if group not in arrays or arrays[group].shape != (count,):
        raise UserError(f"--group {group}: there is no such array of shape ({count},); arrays: {', '.join(arrays)}")
    return [group_name(value) for value in arrays[group]]


def images_of(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Images as they are read: [N, H, W] or [N, H, W, 3].

    Args:
        array: uint8 [N, H, W], [N, H, W, C] or [N, C, H, W], C 1 or 3.
        name: of the array, for messages.

    Raises:
        UserError: it is of another type or shape.
    """
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
    if array.ndim == 2 and len(array) == count:
        raise UserError(
            f"{name} has shape {array.shape}: one label for each image is needed, [N]; one-hot labels become that by "
            "argmax(1); several labels per image are for --task multi-label, and numbers for --task regression"
        )
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        numbers = "; numbers are for --task regression" if np.issubdtype(array.dtype, np.floating) else ""
        raise UserError(f"{name} must be whole numbers of shape [N], got {array.dtype} {array.shape}{numbers}")
    if len(array) != count:
        raise UserError(f"{name} has {len(array)} labels for {count} images")
    return [int(label) for label in array]
