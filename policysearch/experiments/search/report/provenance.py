"""The versions and the data of a search, noted in its study while it runs."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.core.masks import IGNORE
from policysearch.core.tasks import task_named
from policysearch.core.version import __version__
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import Split
from policysearch.experiments.search.chance_level import CHANCE, LARGEST_CLASS
from policysearch.experiments.search.known_pitfalls import hardly_confirmed, known_to_mislead
from policysearch.study.config import SearchConfig
from policysearch.study.optuna_store import OptunaTrialStore

_ATTRIBUTE = "background"
_WARNINGS = "warnings"
_CLASSES = "classes"
_OF_ROTATIONS = 0.25
"""Of four rotations, which are predicted where data have no labels."""
_PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "optuna", "ray")


def versions() -> dict[str, str]:
    """The versions of Python, this program and its packages, by name."""
    base = {"policysearch": __version__, "python": platform.python_version(), "system": platform.platform()}
    packages = {name: _installed(name) for name in _PACKAGES}
    return base | {name: number for name, number in packages.items() if number}


@cache
def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def note_background(store: OptunaTrialStore, dataset: Dataset, parts: Split, task: str) -> None:
    """Note the data in figures, and the versions; a search that is continued with others gets a further set."""
    names = dataset.mask_classes or dataset.classes
    if class_names(store) != names:
        store.note(_CLASSES, list(names))
    background, data = noted(store), {} if dataset.is_absent else _in_figures(dataset, parts, task)
    used = background.get("versions", [])
    used = used if used[-1:] == [versions()] else [*used, versions()]
    if background != {"data": data, "versions": used}:
        store.note(_ATTRIBUTE, {"data": data, "versions": used})


def _in_figures(dataset: Dataset, parts: Split, task: str) -> dict[str, Any]:
    """The data by name and number."""
    channels, height, width = dataset.shape
    return {
        "name": dataset.name,
        "training images": len(parts.train),
        "validation images": len(parts.validation),
        **({"classes": len(dataset.classes)} if dataset.has_classes else {}),
        **({"classes of pixels": len(dataset.mask_classes)} if dataset.mask_classes else {}),
        "size": f"{height}×{width} {'grey' if channels == 1 else 'RGB'}",
        **_chance(dataset, parts, task),
    }


def _chance(dataset: Dataset, parts: Split, task: str) -> dict[str, float]:
    """The headline share of networks that have learned nothing; nothing where that is not known."""
    if dataset.has_classes:
        return {LARGEST_CLASS: _largest_share(dataset.y_train[parts.validation])}
    if dataset.targets_train is not None:
        return {CHANCE: _chance_of_targets(dataset.targets_train[parts.validation])}
    if dataset.masks_train is not None:
        return {CHANCE: _of_one_class(dataset.masks_train, parts.validation)}
    if task_named(task).open_metrics:
        return {}
    return {CHANCE: 0.0 if dataset.texts_train else _OF_ROTATIONS}


def _chance_of_targets(targets: NDArray[np.floating[Any]]) -> float:
    """Of numbers R²'s 0; of labels the mean share of images that have one, the average precision of a random order."""
    if targets.dtype != np.float32:
        return 0.0
    frequencies = targets.mean(0)
    return float(frequencies[frequencies > 0].mean())


def _of_one_class(masks: NDArray[np.uint8], rows: NDArray[np.int64]) -> float:
    """The mean intersection over union where every pixel is given the class that most of them have."""
    counts = np.zeros(IGNORE + 1, np.int64)
    for row in rows:
        counts += np.bincount(masks[row].ravel(), minlength=len(counts))
    shown = counts[:IGNORE][counts[:IGNORE] > 0]
    return float(shown.max() / shown.sum() / len(shown)) if len(shown) else 0.0


def _largest_share(labels: NDArray[np.int64]) -> float:
    return float(np.bincount(labels).max() / len(labels))


def note_warnings(store: OptunaTrialStore, warnings: Sequence[str]) -> None:
    """Note the warnings that a search began with, so that its report shows them too."""
    store.note(_WARNINGS, list(warnings))


def warnings_of(store: OptunaTrialStore, config: SearchConfig) -> tuple[str, ...]:
    """The warnings that a search began with; for one of an older version, those that follow from its settings."""
    recorded = store.notes.get(_WARNINGS)
    if recorded is not None:
        return tuple(recorded)
    return tuple(filter(None, [known_to_mislead(config), hardly_confirmed(config)]))


def class_names(store: OptunaTrialStore) -> tuple[str, ...]:
    """The names of the data's classes; empty for a search of an older version."""
    return tuple(store.notes.get(_CLASSES, ()))


def noted(store: OptunaTrialStore) -> Mapping[str, Any]:
    """What `note_background` noted; empty for a search of an older version."""
    background: Mapping[str, Any] = store.notes.get(_ATTRIBUTE, {})
    return background
