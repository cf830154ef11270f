"""The data set of an experiment: loaded with progress, and what a person should be warned of."""

from __future__ import annotations

from collections.abc import Iterable

from policysearch.datasets.config import DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.experiments.progress import Listener, Status


def load_with_progress(data: DataSettings, listener: Listener) -> Dataset:
    """Load a data set; where its images must be decoded first, the listener is called with how many have been.

    Raises:
        UserError: it is not there, or cannot be read.
    """
    return load(data, lambda done, total: listener(Status("decode", done, total, None, 0)))


def notes_on(dataset: Dataset, config: DataSettings, others: Iterable[str] = ()) -> list[str]:
    """What a person should be warned of before an experiment: of the data and `others`, each once."""
    return list(dict.fromkeys([*(f"data {config.data!r}: {text}" for text in dataset.warnings), *others]))
