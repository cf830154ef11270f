"""Children that train in hundredths of a second, on random images, and keep their checkpoints."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from policysearch.child.checkpoint import Checkpoint, Keeper
from policysearch.child.checkpoint_store import Checkpointing
from policysearch.child.device_data import DeviceData, as_tensor
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.core.trial import Trial
from policysearch.policy.policy import Policy
from workers.continuation import Continuation

IMAGES = 36


class DropNet(nn.Module):
    """Batch norm, dropout, and a buffer that `state_dict` leaves out but answers depend on."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(width, 3)
        self.register_buffer("passes", torch.zeros(()), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.passes += 1
        return self.head(self.body(images).mean((2, 3))) * (1 + 0.01 * self.passes)


def small_data() -> DeviceData:
    """60 random grey images of 8×8, 3 classes; 36 are for training."""
    rng = np.random.default_rng(0)
    images = as_tensor(rng.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8))
    labels = torch.arange(60) % 3
    rows = torch.arange(60)
    shift = torch.full((1, 1, 1, 1), 128.0)
    return DeviceData(images, labels, rows[:IMAGES], rows[IMAGES:], shift, shift / 2, 3)


@dataclass
class KeptAt:
    """Keeps the checkpoints of some epochs, as the bytes that a file would hold."""

    epochs: Collection[int]
    content: dict[int, bytes] = field(default_factory=dict)

    def due(self, epoch: int, epochs: int) -> bool:
        return epoch in self.epochs

    def keep(self, checkpoint: Checkpoint) -> None:
        self.content[checkpoint.epoch] = checkpoint.to_bytes()


def small_child(
    policy: Policy,
    *,
    epochs: int,
    seed: int = 3,
    images: int = 24,
    factory: Callable[[], nn.Module] = DropNet,
    loss: Any = None,
    origin: bytes | None = None,
    stops: Collection[int] = (),
    **recipe: Any,
) -> tuple[dict[str, Any], dict[int, bytes]]:
    """The metrics of a child that do not depend on the clock, and its checkpoints after the epochs in `stops`.

    The last epoch is always among them, so that weights can be compared.
    """
    torch.set_num_threads(1)
    keeper = KeptAt({*stops, epochs})
    metrics = train(
        policy,
        small_data(),
        factory,
        images=images,
        epochs=epochs,
        seed=seed,
        recipe=Recipe(**{"batch": 8, **recipe}),
        loss=loss,
        origin=None if origin is None else Checkpoint.from_bytes(origin),
        keeper=keeper,
    )
    return {name: value for name, value in metrics.items() if not _timed(name)}, keeper.content


def small_trial(**changes: Any) -> Trial:
    """Trial 5: TrivialAugment, 24 images, 4 epochs of a constant rate."""
    policy = Policy.preset("trivialaugment-wide").to_json(indent=None)
    return replace(Trial(5, "arm", policy, 0, 3, 24, 4), **changes)


def small_train(trial: Trial, origin: Checkpoint | None, keeper: Keeper | None, **settings: Any) -> dict[str, Any]:
    """Train the child of a trial, as a worker does."""
    torch.set_num_threads(1)
    return train(
        Policy.from_dict(json.loads(trial.policy)),
        small_data(),
        settings.pop("factory", DropNet),
        images=trial.images,
        epochs=trial.epochs,
        seed=trial.seed,
        recipe=Recipe(**{"batch": 8, "schedule": "constant", **settings}),
        origin=origin,
        keeper=keeper,
        begin=trial.begin,
    )


@dataclass(frozen=True)
class DiesOnce:
    """A pool's setup whose worker is killed in the middle of the first training, after its checkpoint of epoch 2."""

    folder: str
    checkpoints: Checkpointing

    def __call__(self) -> Continuation:
        return Continuation(self._trained, self.checkpoints)

    def _trained(self, trial: Trial, origin: Checkpoint | None, keeper: Keeper | None) -> dict[str, Any]:
        return small_train(trial, origin, _Killer(keeper, Path(self.folder, "killed")))


@dataclass
class _Killer:
    """Passes checkpoints on, and ends its process after that of epoch 2, unless that was done before."""

    keeper: Any
    mark: Path

    def due(self, epoch: int, epochs: int) -> bool:
        return bool(self.keeper.due(epoch, epochs))

    def keep(self, checkpoint: Checkpoint) -> None:
        self.keeper.keep(checkpoint)
        if checkpoint.epoch == 2 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def _timed(name: str) -> bool:
    return "second" in name or "memory" in name


def state_after(content: bytes) -> dict[str, Any]:
    """What a checkpoint holds, less the clock."""
    state = Checkpoint.from_bytes(content).state
    return {name: value for name, value in state.items() if name != "clock"}


def same(one: Any, other: Any) -> bool:
    """Whether two nested states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
