"""The test part of a data set with targets, and what a trained network is worth on it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from policysearch.child.device_data import DeviceData, as_tensor
from policysearch.child.targets.goal import GoalOf
from policysearch.child.test_set import Logits
from policysearch.datasets.dataset import Dataset


@dataclass(frozen=True)
class TargetExam:
    """Images with targets on the device.

    Attributes:
        images: [N, C, H, W] uint8.
        targets: [N, K] float, as the data have them.
        batch: images judged at once.
        goal_of: what is learned, which says how networks are judged.
    """

    images: Tensor
    targets: Tensor
    batch: int
    goal_of: GoalOf

    @classmethod
    def of(cls, goal_of: GoalOf, dataset: Dataset, device: torch.device, batch: int) -> TargetExam:
        """The test part of a data set on a device; the one place in a worker where it is read."""
        if dataset.targets_test is None:
            raise ValueError(f"{dataset.name} has one class per image, and no targets")
        images, targets = (as_tensor(array).to(device) for array in (dataset.x_test, dataset.targets_test))
        return cls(images, targets, batch, goal_of)

    def __call__(self, data: DeviceData, answers: Logits, seed: int) -> dict[str, float]:
        """Judge a network on the test part.

        Args:
            data: the training part, for its normalisation and the scale of its targets.
            answers: the network.
            seed: of the replicate; nothing is drawn here.

        Returns:
            Every score of the goal, its name after "test_", and test_images.
        """
        goal = self.goal_of(data)
        outputs = torch.cat([answers(data.normalise(images)) for images in self.images.split(self.batch)])
        scores = goal.scores(outputs, goal.scale(self.targets))
        return {**{f"test_{name}": value for name, value in scores.items()}, "test_images": len(self.images)}
