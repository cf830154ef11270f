"""What a search was made with and of, noted in its study while it runs: versions, and the data in figures."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.version import __version__
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import Split
from policysearch.experiments.search.known_pitfalls import hardly_confirmed, known_to_mislead
from policysearch.experiments.search.learning import LARGEST_CLASS
from policysearch.study.config import SearchConfig
from policysearch.study.optuna_store import OptunaTrialStore

_ATTRIBUTE = "background"
_WARNINGS = "warnings"
_PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "optuna", "ray")


def versions() -> dict[str, str]:
    """What runs here, by name."""
    found = {"policysearch": __version__, "python": platform.python_version(), "system": platform.platform()}
    return found | {name: own for name in _PACKAGES if (own := _installed(name))}


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def note_background(store: OptunaTrialStore, dataset: Dataset, parts: Split) -> None:
    """Write down the data in figures, and the versions: once more where a search goes on with others."""
    had = noted(store)
    channels, height, width = dataset.shape
    data = {
        "name": dataset.name,
        "training images": len(parts.train),
        "validation images": len(parts.validation),
        "classes": len(dataset.classes),
        "size": f"{height}×{width} {'grey' if channels == 1 else 'RGB'}",
        LARGEST_CLASS: _largest_share(dataset.y_train[parts.validation]),
    }
    used = had.get("versions", [])
    used = used if used[-1:] == [versions()] else [*used, versions()]
    if had != {"data": data, "versions": used}:
        store.note(_ATTRIBUTE, {"data": data, "versions": used})


def _largest_share(labels: NDArray[np.int64]) -> float:
    return float(np.bincount(labels).max() / len(labels))


def note_warnings(store: OptunaTrialStore, warnings: Sequence[str]) -> None:
    """Write down what a search that begins was warned of, so that everyone who reads of it is warned too."""
    store.note(_WARNINGS, list(warnings))


def warnings_of(store: OptunaTrialStore, config: SearchConfig) -> tuple[str, ...]:
    """What a search was warned of; of a search of an older version, what its settings alone say."""
    recorded = store.notes.get(_WARNINGS)
    if recorded is not None:
        return tuple(recorded)
    return tuple(filter(None, [known_to_mislead(config), hardly_confirmed(config)]))


def noted(store: OptunaTrialStore) -> Mapping[str, Any]:
    """What was written down; empty for a search of an older version."""
    found: Mapping[str, Any] = store.notes.get(_ATTRIBUTE, {})
    return found
