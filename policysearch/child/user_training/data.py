"""The images of a pull as a training function is given them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import Split, stratified


@dataclass(frozen=True)
class TrainingData:
    """Arrays of one pull: as many training images as it trains on, and all of the validation part.

    Attributes:
        x_train: [images, C, H, W] uint8, drawn by the pull's seed, each class in its proportion.
        y_train: [images] int64; all 0 where the data have no labels.
        x_validation: [V, C, H, W] uint8, the same in every pull.
        y_validation: [V] int64.
        classes: a name for each class; empty where the data have no labels.
        x_test: [T, C, H, W] uint8; empty unless the test part is asked for.
        y_test: [T] int64.
    """

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_validation: NDArray[np.uint8]
    y_validation: NDArray[np.int64]
    classes: tuple[str, ...]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]


def data_of_pull(dataset: Dataset, sides: Split, images: int, seed: int, test: bool) -> TrainingData:
    """The arrays of a pull; its subset is the one that a network of this program would be trained on.

    Args:
        dataset: of the search.
        sides: its training and validation sides.
        images: of the training subset.
        seed: of the pull.
        test: whether the test part goes along.
    """
    chosen = sides.train[stratified(dataset.y_train[sides.train], images, np.random.default_rng([seed, 0]))]
    rows = slice(None if test else 0)
    return TrainingData(
        x_train=np.array(dataset.x_train[chosen]),
        y_train=np.array(dataset.y_train[chosen]),
        x_validation=np.array(dataset.x_train[sides.validation]),
        y_validation=np.array(dataset.y_train[sides.validation]),
        classes=dataset.classes if dataset.has_classes else (),
        x_test=np.array(dataset.x_test[rows]),
        y_test=np.array(dataset.y_test[rows]),
    )
