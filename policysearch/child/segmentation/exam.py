"""The test part of a data set with masks, and what a trained network is worth on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from policysearch.child.device_data import DeviceData, as_tensor
from policysearch.child.segmentation.segmenter import PixelLogits, judged_masks
from policysearch.child.test_set import Examined
from policysearch.datasets.dataset import Dataset


@dataclass(frozen=True)
class MaskExam:
    """Images and masks on the device, judged `batch` at a time.

    Attributes:
        images: [N, C, H, W] uint8.
        masks: [N, H, W] uint8.
        batch: images judged at once.
    """

    images: Tensor
    masks: Tensor
    batch: int

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device, batch: int) -> MaskExam:
        """The test part of a data set on a device; the one place in a worker where it is read."""
        assert dataset.masks_test is not None
        return cls(as_tensor(dataset.x_test).to(device), as_tensor(dataset.masks_test).to(device), batch)

    def __call__(self, data: DeviceData, answers: PixelLogits, seed: int) -> Examined:
        """Judge a network on the test part.

        Args:
            data: the training part, for its normalisation.
            answers: the network.
            seed: of the replicate; nothing is drawn here.

        Returns:
            test_accuracy, test_worst_iou, test_pixel_accuracy, test_loss, test_images; test_class_pixels,
            [intersection, union, true] of each class.
        """
        judgement = judged_masks(answers, self._inputs(data))
        scores = {f"test_{name}": value for name, value in judgement.scores.items()}
        return {**scores, "test_images": len(self.images), "test_class_pixels": judgement.class_counts}

    def _inputs(self, data: DeviceData) -> Iterator[tuple[Tensor, Tensor]]:
        for images, masks in zip(self.images.split(self.batch), self.masks.split(self.batch), strict=True):
            yield data.normalise(images), masks
