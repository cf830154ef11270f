"""The accuracy of every class in recorded trials, as far as the same replicates are there for several arms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from policysearch.stats.arrays import Floats
from policysearch.stats.class_effects import ClassShares
from policysearch.study.rows import COMPLETE, Row

CLASS_COUNTS = "class_counts"
"""The metric: [images predicted right, images] of each class on validation. Older versions recorded none."""
TEST_CLASS_COUNTS = "test_class_counts"
"""The same on the test part, of networks that an evaluation has trained."""


def class_shares(
    rows: Iterable[Row], arms: Mapping[str, str], classes: Sequence[str] = (), metric: str = CLASS_COUNTS
) -> ClassShares | None:
    """The classes' shares of images predicted right, by arm, on the replicates that all of these arms have finished.

    An arm that has finished fewer than two of the first arm's replicates is left out: it would take all others' away.

    Args:
        rows: trials of one size of pulls.
        arms: the name of each arm by its key; the first is the one that the others are compared with.
        classes: their names; by default, or where they are not as many, their indices.
        metric: the counts.

    Returns:
        None where the first arm has no counts, or no other arm has a replicate in common with it.
    """
    counts: dict[str, dict[int, Floats]] = {key: {} for key in arms}
    for row in rows:
        if row.arm.key in arms and row.state == COMPLETE and row.outcome.metrics.get(metric):
            counts[row.arm.key][row.replicate] = np.asarray(row.outcome.metrics[metric], dtype=np.float64)
    first = counts[next(iter(arms))]
    enough = min(2, len(first))
    comparable = [key for key in arms if len(counts[key].keys() & first.keys()) >= enough]
    common = sorted(set.intersection(*(set(counts[key]) for key in comparable)))
    if not common or len(comparable) < 2:
        return None

    images = first[common[0]][:, 1]
    shares = {
        arms[key]: np.stack([counts[key][replicate][:, 0] for replicate in common])
        / np.where(images > 0, images, np.nan)
        for key in comparable
    }
    names = tuple(classes) if len(classes) == len(images) else tuple(map(str, range(len(images))))
    return ClassShares(shares, images, names)
