"""What a search was made with and of, noted in its study while it runs: versions, and the data in figures."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from policysearch.core.version import __version__
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import Split
from policysearch.study.optuna_store import OptunaTrialStore

_ATTRIBUTE = "background"
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
    }
    used = had.get("versions", [])
    used = used if used[-1:] == [versions()] else [*used, versions()]
    if had != {"data": data, "versions": used}:
        store.note(_ATTRIBUTE, {"data": data, "versions": used})


def noted(store: OptunaTrialStore) -> Mapping[str, Any]:
    """What was written down; empty for a search of an older version."""
    found: Mapping[str, Any] = store.notes.get(_ATTRIBUTE, {})
    return found
