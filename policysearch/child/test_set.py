"""The test part, and what a trained network is worth on it. Only workers that were set up for it have one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from policysearch.child.device_data import DeviceData, as_tensor
from policysearch.child.metrics import auroc, class_counts, scores
from policysearch.child.occlusion import SHARES, occluded
from policysearch.datasets.dataset import Dataset

BINS = 15
"""Bins of the expected calibration error on the test part, as in Liu et al. 2023 and Guo et al. 2017."""
_PLACES = 1  # the subset's generator is keyed by (seed, 0)

Logits = Callable[[Tensor], Tensor]
"""[B, C, H, W] float32, normalised -> [B, classes] float32."""
Examined = dict[str, float | list[list[int]]]
"""What an examination adds to a training's metrics."""


def occluded_name(share: float) -> str:
    """The metric's name: accuracy on the test part, this share of every image hidden."""
    return f"test_accuracy_occluded_{100 * share:.0f}"


@dataclass(frozen=True)
class Exam:
    """The test part on the device: images [N, C, H, W] uint8 and labels [N] int64, judged `batch` at a time."""

    images: Tensor
    labels: Tensor
    batch: int

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device, batch: int) -> Exam:
        """The test part of a data set on a device; the one place where it is read to be judged."""
        return cls(as_tensor(dataset.x_test).to(device), as_tensor(dataset.y_test).to(device), batch)

    def __call__(self, data: DeviceData, logits: Logits, seed: int) -> Examined:
        """Judge a network on the test part.

        Args:
            data: the training part, for its normalisation.
            logits: the network.
            seed: of the replicate: where patches lie on each image, the same for every policy and share hidden.

        Returns:
            Everything of `scores`, each name after "test_" (ece of 15 bins), test_auroc, test_images, and
            test_class_counts (see `class_counts`); and test_accuracy_occluded_0, _20, _40, _60, _80.
        """
        return self.judged(self.answers(data, logits, seed))

    def answers(self, data: DeviceData, logits: Logits, seed: int) -> dict[float, Tensor]:
        """The network's logits [N, classes] on the test part, by the share of each image that is hidden.

        Args:
            data, logits, seed: as for a call.
        """
        drawn = np.random.default_rng([seed, _PLACES]).random((len(self.labels), 2))
        places = torch.from_numpy(drawn).to(self.images.device)
        return {share: self._answers(data, logits, share, places) for share in SHARES}

    def judged(self, answers: Mapping[float, Tensor]) -> Examined:
        """What a call returns, of answers."""
        metrics = scores(answers[0.0], self.labels, BINS)
        correct = {share: (out.argmax(1) == self.labels).double().mean() for share, out in answers.items()}
        return {
            **{f"test_{name}": value for name, value in metrics.items()},
            "test_auroc": auroc(answers[0.0], self.labels),
            "test_class_counts": class_counts(answers[0.0], self.labels),
            "test_images": len(self.labels),
            **{occluded_name(share): float(value) for share, value in correct.items()},
        }

    def _answers(self, data: DeviceData, logits: Logits, share: float, places: Tensor) -> Tensor:
        parts = zip(self.images.split(self.batch), places.split(self.batch), strict=True)
        return torch.cat([logits(_hidden(data.normalise(images), share, at)) for images, at in parts])


def _hidden(inputs: Tensor, share: float, places: Tensor) -> Tensor:
    return occluded(inputs, share, places) if share else inputs
