"""Everything that can be wrong with a configuration, found before anything is spent or written."""

from __future__ import annotations

import os
import time
from pathlib import Path

from policysearch.child.data import Dataset, load, split
from policysearch.config import SearchConfig
from policysearch.errors import UserError
from policysearch.own_code import absolute
from policysearch.pools import must_name_a_pool
from policysearch.rewards import try_reward
from policysearch.spaces import Space
from policysearch.strategies import Strategy, make_strategy

__all__ = ["checked", "default_folder", "resolved"]


def resolved(config: SearchConfig) -> SearchConfig:
    """The config with everything that was left open filled in: device, workers, folder, study.

    With `pool` "ray" the device and the number of workers are left to the cluster.

    Raises:
        UserError: the device is not there, or settings of the pool do not go together.
    """
    must_name_a_pool(config)
    device = config.device if config.pool == "ray" else _device(config.device)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = config.workers
    if workers is None and config.pool != "ray":
        workers = 2 if device.startswith("cuda") else min(cores, 8)
    out = config.out or default_folder()
    data = str(Path(config.data).resolve()) if config.data.endswith(".npz") else config.data
    study = config.study or Path(out).resolve().name
    storage = config.storage
    if storage and storage.startswith("sqlite:///") and ":memory:" not in storage:
        storage = f"sqlite:///{Path(storage.removeprefix('sqlite:///')).resolve()}"
    filled = {"storage": storage, "device": device, "workers": workers, "out": out, "data": data, "study": study}
    filled["operations"] = absolute(config.operations)
    return config.model_copy(update=filled)


def default_folder() -> str:
    """Where a run goes that was given no folder."""
    return f"results/search-{time.strftime('%Y%m%d-%H%M%S')}"


def _device(name: str) -> str:
    import torch

    kind, _, index = name.partition(":")
    if name != "auto" and (kind not in ("cpu", "cuda") or (index and not index.isdigit()) or (kind == "cpu" and index)):
        raise UserError(f"device must be auto, cpu, cuda or cuda:N, got {name!r}")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if count else "cpu"
    if kind == "cuda" and int(index or 0) >= count:
        raise UserError(
            f"device {name!r} asked for, but this machine has {count} usable CUDA devices: use --device cpu"
        )
    return name


def checked(config: SearchConfig, space: Space) -> Strategy:
    """The strategy of a config whose data, model, sizes and reward have been tried.

    Raises:
        UserError: something given is wrong.
    """
    from policysearch.child.networks import dry_forward

    try_reward(config.reward)
    strategy = make_strategy(config.strategy, space, config.seed)
    dataset = load(config.data)
    _check_sizes(config, dataset)
    dry_forward(config.model, dataset.shape, len(dataset.classes))
    return strategy


def _check_sizes(config: SearchConfig, dataset: Dataset) -> None:
    train = len(split(dataset, config.validation, config.split_seed).train)
    classes = len(dataset.classes)
    if not 2 * classes <= config.images <= train:
        raise UserError(
            f"--images must lie in [{2 * classes}, {train}] ({classes} classes, {train} training images "
            f"of {dataset.name}), got {config.images}"
        )
