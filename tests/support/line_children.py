"""Children that read lines of a few pixels in hundredths of a second."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

import numpy as np
import torch

from policysearch.child.checkpoint import Checkpoint
from policysearch.child.device_data import DeviceData, on_device
from policysearch.child.networks.line_crnn import LineCRNN
from policysearch.child.recipe import Recipe
from policysearch.child.text_lines.training import train_reader
from policysearch.child.training_spec import TrainingSpec
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import split
from policysearch.policy.policy import Policy
from tests.support.small_children import KeptAt

LETTERS = {"a": 0, "b": 110, "c": 220}
"""Each letter is a column of one shade, four pixels wide, and a white gap of two."""
WIDTH, HEIGHT, PER_LETTER = 32, 8, 6


def drawn(text: str) -> np.ndarray:
    """The line [1, 8, 32] uint8."""
    image = np.full((1, HEIGHT, WIDTH), 255, np.uint8)
    for i, letter in enumerate(text):
        start = PER_LETTER * i + 1
        image[:, 1:-1, start : start + 4] = LETTERS[letter]
    return image


def small_lines(repeat: int = 1) -> Dataset:
    """Every string of 1 to 4 letters a, b and c, `repeat` times; the test part is every fourth."""
    texts = ["".join(letters) for length in range(1, 5) for letters in itertools.product("abc", repeat=length)] * repeat
    texts = np.random.default_rng(0).permutation(texts).tolist()
    train_texts, test_texts = [t for i, t in enumerate(texts) if i % 4], texts[::4]
    x_train, x_test = (np.stack([drawn(text) for text in part]) for part in (train_texts, test_texts))
    y_train, y_test = np.zeros(len(x_train), np.int64), np.zeros(len(x_test), np.int64)
    return Dataset(
        "letters",
        x_train,
        y_train,
        x_test,
        y_test,
        ("line",),
        texts_train=tuple(train_texts),
        texts_test=tuple(test_texts),
        widths_train=tuple(PER_LETTER * len(text) for text in train_texts),
        widths_test=tuple(PER_LETTER * len(text) for text in test_texts),
    )


def device_lines(dataset: Dataset | None = None) -> DeviceData:
    """The training part on the CPU; a third is for validation."""
    dataset = dataset or small_lines()
    return on_device(dataset, split(dataset, None, 0), torch.device("cpu"))


def small_reader() -> LineCRNN:
    """A network that reads all of these lines after some 60 steps."""
    return LineCRNN(1, HEIGHT, len(LETTERS) + 1, (8, 8, 16), 8)


def read(
    policy: Policy,
    *,
    epochs: int = 2,
    seed: int = 3,
    images: int = 24,
    origin: bytes | None = None,
    stops: Collection[int] = (),
    data: DeviceData | None = None,
    examine: Any = None,
    **recipe: Any,
) -> tuple[dict[str, Any], dict[int, bytes]]:
    """The metrics of a child that do not depend on the clock, and its checkpoints after the epochs in `stops`."""
    torch.set_num_threads(1)
    keeper = KeptAt({*stops, epochs})
    metrics = train_reader(
        TrainingSpec(
            policy,
            data or device_lines(),
            small_reader,
            images=images,
            epochs=epochs,
            seed=seed,
            recipe=Recipe(**{"batch": 8, "rate": 0.3, **recipe}),
            origin=None if origin is None else Checkpoint.from_bytes(origin),
            keeper=keeper,
            examine=examine,
        )
    )
    return {k: v for k, v in metrics.items() if "second" not in k and "memory" not in k}, keeper.content
