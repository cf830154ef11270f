"""The data set of an experiment: loaded with progress, and what a person should be warned of."""

from __future__ import annotations

from collections.abc import Iterable

from policysearch.core.errors import UserError
from policysearch.core.tasks import CLASSIFICATION, task_named
from policysearch.datasets.config import DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.experiments.progress import Listener, Status
from policysearch.study.config import SearchConfig


def load_with_progress(data: DataSettings, listener: Listener, task: str = CLASSIFICATION) -> Dataset:
    """Load a data set; where its images must be decoded first, the listener is called with how many have been.

    Args:
        data: which.
        listener: of the experiment.
        task: what children learn from it.

    Raises:
        UserError: it is not there, or cannot be read.
    """
    needs = task_named(task).needs
    return load(data, lambda done, total: listener(Status("decode", done, total, None, 0)), needs)


def notes_on(dataset: Dataset, config: DataSettings, others: Iterable[str] = ()) -> list[str]:
    """What a person should be warned of before an experiment: of the data and `others`, each once."""
    return list(dict.fromkeys([*(f"data {config.data!r}: {text}" for text in dataset.warnings), *others]))


def with_all_images(config: SearchConfig, dataset: Dataset) -> SearchConfig:
    """The config whose trainings see all images of the training side.

    Raises:
        UserError: there are none here, since a training function reads them.
    """
    if dataset.is_absent:
        raise UserError("all images are trained on, and how many the training function has is not known: give --images")
    side = split(dataset, config.validation, config.split_seed).train
    return config.model_copy(update={"images": len(side)})
