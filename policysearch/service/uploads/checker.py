"""The check of an upload: what it holds is brought into a form of ours, read as a search would, and summed up."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from policysearch.core.errors import UserError
from policysearch.core.readable import readable
from policysearch.datasets.config import LARGEST, SMALLEST, DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.service.limits import Limits
from policysearch.service.uploads.contents import Contents
from policysearch.service.uploads.npz_arrays import copied
from policysearch.service.uploads.parquet_images import rewritten
from policysearch.service.uploads.sheet import write_sheet
from policysearch.service.uploads.zip_folders import unpacked

_OUR_NAME = re.compile(r"\b(train|validation|test)/\d{5}/\d{7}\.\w+")
_FLAG = ", or leave them out by --skip-damaged"
"""Ends a sentence with what the command line has, and uploads have not."""
_LARGE, _SMALL = "64", "32"
_MANY = 50_000
"""Images above which they are read in the smaller of these sizes, to save disk."""


@dataclass(frozen=True)
class Task:
    """What is to be checked.

    Attributes:
        upload: the file that came.
        format: "zip", "npz" or "parquet".
        name: what messages call it.
        target: where the images go; an ending is added to it for a file.
        sheet: where the picture of samples goes.
    """

    upload: Path
    format: str
    name: str
    target: Path
    sheet: Path


def checked(task: Task, limits: Limits) -> dict[str, Any]:
    """Check an upload, and write what searches read.

    Returns:
        what people want to know of it, ready for JSON.

    Raises:
        UserError: it cannot be used; the message says why.
        OSError: the disk is full, or a file would be larger than allowed.
    """
    try:
        contents = _FORMS[task.format](task, limits)
    except UserError as error:
        raise UserError(str(error).replace(str(task.upload), task.name)) from None
    try:
        dataset = load(DataSettings(data=str(contents.path), resize=_size(contents)))
    except UserError as error:
        raise UserError(_in_names_of_the_user(str(error), contents, task.name)) from None
    write_sheet(dataset, task.sheet)
    warnings = [*dataset.warnings, *contents.remarks]
    return {
        **_summary(dataset),
        "warnings": [readable(text) for text in warnings],
        **_sizes(contents, dataset),
        "file": contents.path.name,
    }


def _of_zip(task: Task, limits: Limits) -> Contents:
    return unpacked(task.upload, task.target, task.name, limits)


def _of_npz(task: Task, limits: Limits) -> Contents:
    return copied(task.upload, task.target.with_suffix(".npz"), limits)


def _of_parquet(task: Task, limits: Limits) -> Contents:
    return rewritten(task.upload, task.target.with_suffix(".parquet"), limits)


_FORMS: Mapping[str, Callable[[Task, Limits], Contents]] = MappingProxyType(
    {"zip": _of_zip, "npz": _of_npz, "parquet": _of_parquet}
)


def _size(contents: Contents) -> str | None:
    """The size in which the images are read here; None where they need none, as a search would read them."""
    if len(contents.sizes) < 2 and all(_is_allowed(size) for size in contents.sizes):
        return None
    return _LARGE if len(contents.names) <= _MANY else _SMALL


def _is_allowed(size: tuple[int, int]) -> bool:
    return SMALLEST <= min(size) <= max(size) <= LARGEST


def _sizes(contents: Contents, dataset: Dataset) -> dict[str, Any]:
    """Whether a search must give a size, and the sizes that there are."""
    if _size(contents) is None:
        return {"shape": list(dataset.shape), "resize": False}
    heights, widths = zip(*contents.sizes, strict=True)
    sides = {"height": [min(heights), max(heights)], "width": [min(widths), max(widths)]}
    return {"shape": [dataset.shape[0]], "resize": True, "sizes": sides}


def _summary(dataset: Dataset) -> dict[str, Any]:
    classes = len(dataset.classes)
    train = np.bincount(dataset.y_train, minlength=classes)
    test = np.bincount(dataset.y_test, minlength=classes)
    return {
        "classes": list(dataset.classes),
        "train": len(dataset.y_train),
        "test": len(dataset.y_test),
        "validation": 0 if dataset.validation is None else len(dataset.validation),
        "train_of_class": train.tolist(),
        "test_of_class": test.tolist(),
    }


def _in_names_of_the_user(sentence: str, contents: Contents, name: str) -> str:
    """A sentence about files of ours, as one about the user's."""
    sentence = sentence.removeprefix(f"data {str(contents.path)!r}: ")
    sentence = _OUR_NAME.sub(lambda match: contents.names.get(match[0].rpartition(".")[0], match[0]), sentence)
    return sentence.replace(str(contents.path), name).removesuffix(_FLAG)
