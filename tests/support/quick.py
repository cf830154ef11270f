"""Small data, a quick stand-in for child training, and settings of runs made with them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from policysearch.study.config import make_config


def write_npz(path: Path, **changes: np.ndarray) -> Path:
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (90, 8, 8), dtype=np.uint8),
        "y_train": np.arange(90) % 3,
        "x_test": rng.integers(0, 256, (30, 8, 8), dtype=np.uint8),
        "y_test": np.arange(30) % 3,
    }
    np.savez(path, **{**arrays, **changes})
    return path


def quick_metrics(trial) -> dict[str, float]:
    """Metrics that depend on (arm, seed) alone, as a child's do."""
    digest = hashlib.sha256(f"{trial.arm}:{trial.seed}".encode()).digest()
    noise = int.from_bytes(digest[:4], "big") / 2**32
    worth = int.from_bytes(hashlib.sha256(trial.arm.encode()).digest()[:4], "big") / 2**32
    if trial.task:
        return {"held_out_loss": 1 - worth + 0.1 * noise, "held_out_accuracy": worth, "accuracy": 0.8, "seconds": 0.0}
    return {"accuracy": 0.8 + 0.05 * worth + 0.01 * noise, "loss": 1 - worth, "seconds": 0.0}


@dataclass(frozen=True)
class QuickSetup:
    """Takes the place of `workers.evaluate.ChildSetup`."""

    data: str = ""
    validation: int | None = None
    split_seed: int = 0
    model: str = ""
    recipe: object = None
    device: str = "cpu"
    operations: str | None = None
    test: bool = False
    checkpoints: object = None
    further: tuple[str, ...] = ()
    task: str = "classification"
    start: object = None

    def __call__(self):
        return quick_metrics


def config_for(out: Path, **settings):
    """A small search: few pulls by a rule over the arms of the space `default`, or of the task's own."""
    quick = {"workers": 0, "trials": 12, "confirm": 2, "images": 40, "epochs": 1, "strategy": "ucb"}
    network = {} if "task" in settings else {"model": "small-resnet"}
    return make_config({**quick, **network, "out": str(out), **settings})
