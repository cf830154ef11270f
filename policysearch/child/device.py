"""A data set on the device that trains: its images stay there as uint8."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from policysearch.child.data import Dataset, Split

__all__ = ["DeviceData", "on_device"]


@dataclass(frozen=True)
class DeviceData:
    """Training and validation images on the device: [N, C, H, W] uint8 with labels [N] int64.

    `mean` and `std` [1, C, 1, 1] float32 are those of the training images, in grey values 0 to 255.
    """

    images: Tensor
    labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    mean: Tensor
    std: Tensor
    classes: int

    def normalise(self, images: Tensor) -> Tensor:
        """[B, C, H, W] uint8 -> float32 of mean 0 and deviation 1, channels last."""
        scaled = images.float().sub_(self.mean).div_(self.std)
        return scaled.contiguous(memory_format=torch.channels_last)


def on_device(dataset: Dataset, split: Split, device: torch.device) -> DeviceData:
    """Put the training and validation parts on the device; the test part stays out of reach."""
    images = torch.from_numpy(dataset.x_train[split.train]).to(device)
    labels = torch.from_numpy(dataset.y_train[split.train]).to(device)
    pixels = dataset.x_train[split.train].astype(np.float64)
    mean = torch.tensor(pixels.mean((0, 2, 3)), dtype=torch.float32, device=device)[None, :, None, None]
    std = torch.tensor(pixels.std((0, 2, 3)), dtype=torch.float32, device=device)[None, :, None, None]
    return DeviceData(
        images,
        labels,
        torch.from_numpy(dataset.x_train[split.validation]).to(device),
        torch.from_numpy(dataset.y_train[split.validation]).to(device),
        mean,
        std.clamp(min=1.0),
        len(dataset.classes),
    )
