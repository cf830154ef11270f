"""A data set on the device that trains: its images stay there as uint8."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import Split

_AT_ONCE = 256  # images whose statistics are taken together


@dataclass(frozen=True)
class DeviceData:
    """The training part of a data set on the device: images [N, C, H, W] uint8 and labels [N] int64.

    Attributes:
        images, labels: on the CPU the images are the data set's own, memory-mapped or not, so that workers share them.
        train, validation: int64 indices of its two sides.
        mean, std: [1, C, 1, 1] float32, those of the training side, in grey values 0 to 255.
        classes: how many.
        memory_format: of the batches that networks see.
        labelled: whether the labels say anything; else they are all 0.
        texts: what each image says, in the images' order; empty where they say nothing.
        widths: how many columns of each image, from the left, hold what it says; empty where they say nothing.
        targets: [N, K] float, the labels or the numbers of each image, whose `labels` are then strata; or None.
        masks: [N, H, W] uint8, the class of each pixel, or 255 for none; None where there are no masks.
    """

    images: Tensor
    labels: Tensor
    train: Tensor
    validation: Tensor
    mean: Tensor
    std: Tensor
    classes: int
    memory_format: torch.memory_format = torch.channels_last
    labelled: bool = True
    texts: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    targets: Tensor | None = None
    masks: Tensor | None = None

    def normalise(self, images: Tensor) -> Tensor:
        """[B, C, H, W] uint8 -> float32 of mean 0 and deviation 1, in the batches' memory format."""
        scaled = images.float().sub_(self.mean).div_(self.std)
        return scaled.contiguous(memory_format=self.memory_format)


def on_device(
    dataset: Dataset,
    split: Split,
    device: torch.device,
    memory_format: torch.memory_format = torch.channels_last,
) -> DeviceData:
    """Put the training part on the device; the test part stays out of reach.

    Args:
        dataset: images and labels.
        split: the two sides of its training part.
        device: where children are trained.
        memory_format: of the batches that networks see, as `memory_format_of` gives it.
    """
    mean, std = _statistics(dataset.x_train, split.train)
    return DeviceData(
        as_tensor(dataset.x_train).to(device),
        as_tensor(dataset.y_train).to(device),
        torch.from_numpy(split.train).to(device),
        torch.from_numpy(split.validation).to(device),
        torch.tensor(mean, dtype=torch.float32, device=device)[None, :, None, None],
        torch.tensor(std, dtype=torch.float32, device=device)[None, :, None, None].clamp(min=1.0),
        len(dataset.classes),
        memory_format,
        dataset.labelled,
        dataset.texts_train,
        dataset.widths_train,
        None if dataset.targets_train is None else as_tensor(dataset.targets_train).to(device),
        None if dataset.masks_train is None else as_tensor(dataset.masks_train).to(device),
    )


def uploaded(tensor: Tensor, device: torch.device) -> Tensor:
    """A small tensor on the device; on its way to CUDA it goes through pinned memory and waits for nothing.

    A plain copy first waits for all work that is queued on the device.

    Args:
        tensor: on the CPU.
        device: where it is needed.
    """
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def as_tensor(array: NDArray[np.generic]) -> Tensor:
    """The array's own memory as a tensor, which nothing writes to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array)


def _statistics(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation [C] of the rows' pixels, by exact sums."""
    total, squares = (np.zeros(images.shape[1], np.uint64) for _ in range(2))
    for start in range(0, len(rows), _AT_ONCE):
        chunk = images[rows[start : start + _AT_ONCE]].astype(np.uint16)
        total += chunk.sum((0, 2, 3), dtype=np.uint64)
        squares += (chunk * chunk).sum((0, 2, 3), dtype=np.uint64)
    count = len(rows) * images.shape[2] * images.shape[3]
    mean = total / count
    return mean, np.sqrt(squares / count - mean**2)
