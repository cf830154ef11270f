"""Checks that need torch: the devices of this machine, their precision, and the network."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from policysearch.child.accelerator import why_no_cuda
from policysearch.child.fine_tuning.published import PUBLISHED, published_file
from policysearch.child.fine_tuning.start import Shape, Start, start_notes
from policysearch.child.precision import chosen_precision
from policysearch.child.recipe import Precision
from policysearch.child.trainers import training_of
from policysearch.experiments.apart import called_apart, is_light
from policysearch.study.config import SearchConfig
from policysearch.study.settings import ChildSettings
from workers.errand import run_errand


def cuda_devices(config: ChildSettings) -> int:
    """How many CUDA devices this machine has."""
    if why_no_cuda():
        return 0
    return _count_apart() if is_light(config) else _count_of_devices()


def precision_on(config: ChildSettings, device: str) -> Precision:
    """The precision of a config's recipe on a device, with auto resolved.

    Raises:
        UserError: float16 on CPU.
    """
    precision = config.recipe.precision
    if device == "cpu":
        return chosen_precision(precision, device)
    return (_precision_apart if is_light(config) else chosen_precision)(precision, device)


def network_notes(
    config: ChildSettings, shape: tuple[int, int, int], outputs: int, smallest_batch: int
) -> tuple[str, ...]:
    """Try the network of a config, and its weights on it; the rest is as for `Training.network_notes`."""
    notes = _notes_apart if is_light(config) else _notes
    start = Start.of(config.weights, config.normalisation)
    network = (config.task, config.model, shape, outputs, min(smallest_batch, 2))
    return notes(*network, start, config.recipe.frozen)


def weights_file(config: SearchConfig) -> str | None:
    """The absolute path of the weights that children begin with; published ones are looked for, or fetched if allowed.

    Raises:
        UserError: they are not there, or cannot be fetched.
    """
    if config.weights is None:
        return None
    if config.weights == PUBLISHED:
        return called_apart(config, published_file, config.model, config.download)
    return str(Path(config.weights).resolve())


@lru_cache(maxsize=8)
def _notes_apart(
    task: str, model: str, shape: Shape, outputs: int, smallest_batch: int, start: Start | None, frozen: int
) -> tuple[str, ...]:
    """As `_notes`; a calibration tries the same network for each of its pulls."""
    return run_errand(_notes, task, model, shape, outputs, smallest_batch, start, frozen)


@lru_cache(maxsize=1)
def _count_apart() -> int:
    """As `_count_of_devices`; devices do not change while a process lives, and a comparison asks for each search."""
    return run_errand(_count_of_devices)


@lru_cache(maxsize=8)
def _precision_apart(precision: Precision, device: str) -> Precision:
    return run_errand(chosen_precision, precision, device)


def _notes(
    task: str, model: str, shape: Shape, outputs: int, smallest_batch: int, start: Start | None, frozen: int
) -> tuple[str, ...]:
    notes = training_of(task).network_notes(model, shape, outputs, smallest_batch)
    return notes if start is None else (*notes, *start_notes(model, shape, outputs, start, frozen))


def _count_of_devices() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
