"""Images with several labels each, the colours of their marks; and with numbers, where their edge is."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from policysearch.child.checkpoint import Checkpoint
from policysearch.child.device_data import DeviceData, on_device
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.trainers import training_of
from policysearch.child.training_spec import TrainingSpec
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.policy.policy import Policy
from tests.support.small_children import KeptAt

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
SIDE = 8


def marked(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images [N, 8, 8, 3] uint8 with a mark of each colour that they have, and which they have [N, 3] uint8."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((count, len(COLOURS))) < (0.5, 0.4, 0.3)).astype(np.uint8)
    images = rng.integers(0, 60, (count, SIDE, SIDE, 3), dtype=np.uint8)
    for image, row in zip(images, labels, strict=True):
        for present, colour, top in zip(row, COLOURS.values(), (0, 3, 5), strict=True):
            if present:
                left = rng.integers(0, SIDE - 4)
                image[top : top + 2, left : left + 4] = colour
    return images, labels


def shaded(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images [N, 8, 8, 3] uint8, noise that is light up to a row, and [N, 2] ten times that row and minus its half."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(1, SIDE, count)
    images = rng.integers(0, 150, (count, SIDE, SIDE, 3), dtype=np.uint8)
    for image, row in zip(images, rows, strict=True):
        image[:row] += 105
    return images, np.stack([rows.astype(np.float64) * 10, -rows / 2.0], 1)


def write_marked(path: Path, count: int = 120) -> Path:
    """An `.npz` of marked images with a test part of a quarter of their number."""
    return _write(path, marked, count, list(COLOURS))


def write_shaded(path: Path, count: int = 120) -> Path:
    """Likewise of shaded images, with their numbers."""
    return _write(path, shaded, count, ["edge", "height"])


def _write(path: Path, make: Callable[..., tuple[np.ndarray, np.ndarray]], count: int, names: list[str]) -> Path:
    (x_train, y_train), (x_test, y_test) = make(count), make(count // 4, seed=1)
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test, classes=np.array(names))
    return path


def write_labels(folder: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A `labels.csv`, and an image for each file that it names."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for row in rows:
        (folder / row[0]).parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / row[0])
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def device_targets(dataset: Dataset) -> DeviceData:
    """The training part on the CPU; a third is for validation."""
    return on_device(dataset, split(dataset, None, 0), torch.device("cpu"))


def target_child(
    task: str,
    dataset: Dataset,
    policy: Policy,
    *,
    epochs: int = 2,
    seed: int = 3,
    images: int = 40,
    origin: bytes | None = None,
    stops: tuple[int, ...] = (),
    examine: Any = None,
    loss: Any = None,
    **recipe: Any,
) -> tuple[dict[str, Any], dict[int, bytes]]:
    """The metrics of a child that do not depend on the clock, and its checkpoints after the epochs in `stops`."""
    torch.set_num_threads(1)
    keeper = KeptAt({*stops, epochs})
    metrics = training_of(task).train(
        TrainingSpec(
            policy,
            device_targets(dataset),
            lambda: build("quick-resnet", dataset.shape, len(dataset.target_names)),
            images=images,
            epochs=epochs,
            seed=seed,
            recipe=Recipe(**{"batch": 10, **recipe}),
            origin=None if origin is None else Checkpoint.from_bytes(origin),
            keeper=keeper,
            examine=examine,
            loss=loss,
        )
    )
    return {k: v for k, v in metrics.items() if "second" not in k and "memory" not in k}, keeper.content
