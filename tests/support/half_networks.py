"""Data in which a mirrored view helps at test time, and a network that sees one half of an image alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NETWORK = '''
import torch
from torch import nn


class Half(nn.Module):
    """A linear layer over the left half of an image."""

    def __init__(self, channels, classes, height, width):
        super().__init__()
        self.width = width // 2
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(channels * height * self.width, classes))

    def forward(self, images):
        return self.body(images[..., : self.width])
'''
CLASSES, SIDE = 3, 12


def patches(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Dark images with a bright column in the left half, whose place says the class; every other one is mirrored."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, (count, SIDE, SIDE), dtype=np.uint8)
    labels = np.arange(count) % CLASSES
    width = SIDE // 2 // CLASSES
    for image, label in zip(images, labels, strict=True):
        image[:, width * label : width * (label + 1)] += 150
        if rng.integers(2):
            image[:] = image[:, ::-1]
    return images, labels


def write_patches(folder: Path, seed: int = 0) -> Path:
    """Write patches.npz, with 240 training and 90 test images, and half.py, with the network; the data's path."""
    (x_train, y_train), (x_test, y_test) = patches(240, seed), patches(90, seed + 1)
    np.savez(folder / "patches.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    (folder / "half.py").write_text(NETWORK, encoding="utf-8")
    return folder / "patches.npz"
