"""The data set of a search whose training function reads its images by itself: it has none."""

from __future__ import annotations

import numpy as np

from policysearch.core.tasks import NO_DATA
from policysearch.datasets.dataset import Dataset


def absent_data() -> Dataset:
    """A data set without images.

    Example:
        >>> absent_data().is_absent, absent_data().shape
        (True, (3, 0, 0))
    """
    images, labels = np.zeros((0, 3, 0, 0), np.uint8), np.zeros(0, np.int64)
    return Dataset(
        NO_DATA, images, labels, images, labels, ("unlabelled",), digest=NO_DATA, handle=NO_DATA, labelled=False
    )
