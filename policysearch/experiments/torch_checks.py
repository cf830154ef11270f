"""Checks that need torch: the devices of this machine, their precision, and the network."""

from __future__ import annotations

from functools import lru_cache

from policysearch.child.accelerator import why_no_cuda
from policysearch.child.precision import chosen_precision
from policysearch.child.recipe import Precision
from policysearch.child.trainers import training_of
from policysearch.experiments.apart import is_light
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
    """Try the network of a config; arguments, results and errors are those of `Training.network_notes`."""
    notes = _notes_apart if is_light(config) else _notes
    return notes(config.task, config.model, shape, outputs, min(smallest_batch, 2))


@lru_cache(maxsize=8)
def _notes_apart(
    task: str, model: str, shape: tuple[int, int, int], outputs: int, smallest_batch: int
) -> tuple[str, ...]:
    """As `_notes`; a calibration tries the same network for each of its pulls."""
    return run_errand(_notes, task, model, shape, outputs, smallest_batch)


@lru_cache(maxsize=1)
def _count_apart() -> int:
    """As `_count_of_devices`; devices do not change while a process lives, and a comparison asks for each search."""
    return run_errand(_count_of_devices)


@lru_cache(maxsize=8)
def _precision_apart(precision: Precision, device: str) -> Precision:
    return run_errand(chosen_precision, precision, device)


def _notes(task: str, model: str, shape: tuple[int, int, int], outputs: int, smallest_batch: int) -> tuple[str, ...]:
    return training_of(task).network_notes(model, shape, outputs, smallest_batch)


def _count_of_devices() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
