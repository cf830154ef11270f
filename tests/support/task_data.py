"""Small data for tasks whose images have not one class each, and a space that suits each task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.support.mask_children import write_masks
from tests.support.target_data import write_marked, write_shaded


def _folder_of_masks(path: Path) -> Path:
    write_masks(path, {"train": 40, "val": 10, "test": 6})
    return path


_WRITERS: Mapping[str, Callable[[Path], Path]] = MappingProxyType(
    {
        "multi-label": lambda path: write_marked(path.with_suffix(".npz")),
        "regression": lambda path: write_shaded(path.with_suffix(".npz")),
        "segmentation": _folder_of_masks,
    }
)
_SPACES = MappingProxyType({"multi-label": "default", "regression": "colours", "segmentation": "segmentation"})
_NETWORKS = MappingProxyType({"segmentation": "small-unet"})
OTHER_TASKS = tuple(_WRITERS)


def settings_of_task(task: str, folder: Path) -> dict[str, Any]:
    """The settings of an experiment whose pulls last hundredths of a second; its data are written to the folder."""
    data = _WRITERS[task](folder / "data")
    return {
        "task": task,
        "data": str(data),
        "space": _SPACES[task],
        "model": _NETWORKS.get(task, "quick-resnet"),
        "images": 20,
        "epochs": 1,
        "recipe": {"batch": 10},
    }
