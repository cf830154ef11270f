"""What a task needs in place of one class per image, without NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class TargetNeeds:
    """What is needed of every image.

    Attributes:
        task: that learns it.
        what: it is, as the object of a sentence.
        arrays: what an array of it is.
        columns: usual names of a column of it, in the order in which they are looked for.
    """

    task: str
    what: str
    arrays: str
    columns: tuple[str, ...]


TARGET_NEEDS: Mapping[str, TargetNeeds] = MappingProxyType(
    {
        "label-sets": TargetNeeds(
            task="multi-label",
            what="the labels of every image",
            arrays="y_train [N, classes] of 0 and 1",
            columns=("labels", "label", "tags", "classes", "target"),
        ),
        "numbers": TargetNeeds(
            task="regression",
            what="the numbers of every image",
            arrays="y_train [N] or [N, numbers]",
            columns=("target", "targets", "value", "values", "label", "labels"),
        ),
    }
)
"""By those of `core.tasks.Needs` that are targets."""


def without_targets(needs: str) -> str:
    """What is wrong with data that have no such targets, and what to give instead."""
    row = TARGET_NEEDS[needs]
    return (
        f"it has one class per image, or none, and --task {row.task} needs {row.what}: give --data PATH.npz with "
        f"{row.arrays}, Parquet, or a folder with labels.csv (`policysearch guide {row.task}`)"
    )
