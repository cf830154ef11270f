"""What fits in the device's memory."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch
from torch import nn

from policysearch.child.device_data import DeviceData
from policysearch.child.learner import Learner
from policysearch.child.recipe import Recipe

OutOfMemory = torch.cuda.OutOfMemoryError
"""What torch raises; from torch 2.5 on also called `torch.OutOfMemoryError`."""


def evaluation_batch(recipe: Recipe) -> int:
    """Images judged at once: without a backward pass four times as many as trained, and 500 at most."""
    return min(500, 4 * recipe.batch)


def out_of_memory(data: DeviceData, factory: Callable[[], nn.Module], recipe: Recipe) -> str:
    """The message for a training that ran out of memory, with the batch that fits.

    What the training held must be free again.

    Args:
        data: images on the device.
        factory: makes the untrained network.
        recipe: of the training that failed.
    """
    begin = f"out of memory on {data.images.device} with batch {recipe.batch}: "
    fits = fitting_batch(data, factory, recipe)
    if fits is None:
        return f"{begin}not even 2 images fit: use a smaller network, smaller images or fewer workers"
    return f"{begin}{fits} fits, give --batch {fits}"


def fitting_batch(data: DeviceData, factory: Callable[[], nn.Module], recipe: Recipe) -> int | None:
    """The largest half, quarter, … of the recipe's batch, 2 or more, with which a step and an evaluation fit."""
    batch = recipe.batch // 2
    while batch >= 2:
        gc.collect()
        if data.images.is_cuda:
            torch.cuda.empty_cache()
        try:
            _try(data, factory, recipe.model_copy(update={"batch": batch}))
            return batch
        except OutOfMemory:
            batch //= 2
    return None


def _try(data: DeviceData, factory: Callable[[], nn.Module], recipe: Recipe) -> None:
    device = data.images.device
    rows = torch.arange(evaluation_batch(recipe), device=device) % len(data.images)
    inputs, labels = data.normalise(data.images[rows]), data.labels[rows]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        learner = Learner(factory, recipe, device, data.memory_format)
        learner.train()
        learner.update(nn.functional.cross_entropy(learner.logits(inputs[: recipe.batch]), labels[: recipe.batch]))
        with torch.no_grad():
            learner.network.eval()
            learner.logits(inputs)
