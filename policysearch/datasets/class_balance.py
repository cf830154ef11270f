"""Classes with too few validation images to tell arms apart."""

from __future__ import annotations

import numpy as np

from policysearch.core.readable import some
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import Split
from policysearch.datasets.targets.checks import target_notes

_FEW = 20
"""Images below which a class's own accuracy moves in steps of more than 5 points."""
_RARE = 0.5
"""Share of an even class's images below which a class is rare."""
_SHOWN = 3


def rare_notes(dataset: Dataset, sides: Split) -> list[str]:
    """A sentence on the classes, or the labels, that the validation part hardly shows, or nothing.

    Args:
        dataset: what its images show.
        sides: the split of its training part.

    Raises:
        UserError: the validation part shows nothing: no image has a label, or every number is the same throughout.
    """
    if dataset.has_classes:
        return rare_class_notes(dataset, sides)
    if dataset.targets_train is None:
        return []
    return target_notes(dataset.targets_train[sides.validation], dataset.target_names)


def rare_class_notes(dataset: Dataset, sides: Split) -> list[str]:
    """A sentence on the classes that the accuracy on the validation part hardly shows, or nothing.

    A class counts as such with fewer than 20 validation images and less than half of an even share. Classes that are
    small but even are no matter: their accuracy is judged together.

    Args:
        dataset: classes and labels.
        sides: the split of its training part.
    """
    counts = np.bincount(dataset.y_train[sides.validation], minlength=len(dataset.classes))
    even = counts.sum() / len(counts)
    rare = np.flatnonzero((counts < _FEW) & (counts < _RARE * even))
    if not len(rare):
        return []
    rare = rare[np.argsort(counts[rare], kind="stable")]
    named = some([f"{dataset.classes[k]!r} {counts[k]}" for k in rare], _SHOWN)
    which = "a class has" if len(rare) == 1 else f"{len(rare)} classes have"
    return [
        f"{which} too few validation images to tell arms apart ({named} of {counts.sum():,}), and the accuracy hardly "
        "shows what a policy does to them: get more images of them, or give --reward balanced-accuracy, in which each "
        "class counts alike and few images mean much noise"
    ]
