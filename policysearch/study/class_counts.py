"""Every class's accuracy, or intersection over union, in recorded trials, on replicates that several arms share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from policysearch.core.tasks import SEGMENTATION, task_named
from policysearch.stats.arrays import Floats
from policysearch.stats.class_effects import IMAGES, PIXELS, ClassShares
from policysearch.study.rows import COMPLETE, Row

CLASS_COUNTS = "class_counts"
"""The metric: [images predicted right, images] of each class on validation. Older versions recorded none."""
_CLASS_PIXELS = "class_pixels"
"""The metric of masks: pixels of [intersection, union, the class itself]. Older versions recorded two of them."""


def class_metric(task: str, part: str = "") -> str:
    """The metric that has the counts by class of a task's networks; empty where they predict no classes.

    Args:
        task: its name.
        part: "test_" for the test part.

    Example:
        >>> class_metric("segmentation"), class_metric("classification", "test_"), class_metric("regression")
        ('class_pixels', 'test_class_counts', '')
    """
    if task_named(task).has_classes:
        return part + CLASS_COUNTS
    return part + _CLASS_PIXELS if task == SEGMENTATION else ""


def class_shares(
    rows: Iterable[Row], arms: Mapping[str, str], classes: Sequence[str] = (), metric: str = CLASS_COUNTS
) -> ClassShares | None:
    """The classes' shares, by arm, on the replicates that all of these arms have finished.

    They are of images predicted right, or intersections over unions of pixels.

    An arm that has finished fewer than two of the first arm's replicates is left out: it would take all others' away.

    Args:
        rows: trials of one size of pulls.
        arms: the name of each arm by its key; the first is the one that the others are compared with.
        classes: their names; by default, or where they are not as many, their indices.
        metric: the counts, see `class_metric`.

    Returns:
        None where the first arm has no counts, or no other arm has a replicate in common with it.
    """
    of_pixels = metric.endswith(_CLASS_PIXELS)
    counts: dict[str, dict[int, Floats]] = {key: {} for key in arms}
    for row in rows:
        recorded = row.outcome.metrics.get(metric) if row.arm.key in arms and row.state == COMPLETE else None
        if recorded and len(recorded[0]) == (3 if of_pixels else 2):
            counts[row.arm.key][row.replicate] = np.asarray(recorded, dtype=np.float64)
    first = counts[next(iter(arms))]
    enough = min(2, len(first))
    comparable = [key for key in arms if len(counts[key].keys() & first.keys()) >= enough]
    common = sorted(set.intersection(*(set(counts[key]) for key in comparable)))
    if not common or len(comparable) < 2:
        return None

    images = first[common[0]][:, -1]
    there = np.where(images > 0, 1.0, np.nan)
    shares = {
        arms[key]: np.stack([there * _shares(counts[key][replicate]) for replicate in common]) for key in comparable
    }
    names = tuple(classes) if len(classes) == len(images) else tuple(map(str, range(len(images))))
    return ClassShares(shares, images, names, PIXELS if of_pixels else IMAGES)


def _shares(counts: Floats) -> Floats:
    """[C]: what is right of all; 0 of nothing."""
    return counts[:, 0] / np.maximum(counts[:, 1], 1)
