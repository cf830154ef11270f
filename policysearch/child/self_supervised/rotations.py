"""Images turned by quarters, whose angle a linear probe is to predict (Gidaris et al. 2018, Reed et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.child.device_data import as_tensor
from policysearch.child.test_set import Exam, Examined
from policysearch.datasets.dataset import Dataset

ANGLES = ("0°", "90°", "180°", "270°")
"""Counter-clockwise, as `quarter_turns` has them."""


def quarter_turns(images: Tensor) -> tuple[Tensor, Tensor]:
    """Each image turned by 0, 90, 180 and 270 degrees.

    Of images that are not square the square in the middle is turned, and then stretched to their size: all four alike,
    so that the stretching does not give the angle away.

    Args:
        images: [N, C, H, W] uint8.

    Returns:
        Images [4N, C, H, W] uint8, all of one angle together, and angles [4N] int64 in 0..3.

    Example:
        >>> turned, angles = quarter_turns(torch.tensor([[[[1, 2], [3, 4]]]], dtype=torch.uint8))
        >>> turned[1, 0].tolist(), angles.tolist()
        ([[2, 4], [1, 3]], [0, 1, 2, 3])
    """
    height, width = images.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = images[:, :, top : top + side, left : left + side]

    turned = torch.cat([torch.rot90(square, quarters, (2, 3)) for quarters in range(len(ANGLES))])
    if height != width:
        stretched = F.interpolate(turned.float(), (height, width), mode="bilinear", align_corners=False)
        turned = stretched.round().to(torch.uint8)
    angles = torch.arange(len(ANGLES), device=images.device).repeat_interleave(len(images))
    return turned, angles


class _RotationExam(Exam):
    """An exam in which angles are to be told, which are no classes of the data."""

    def judged(self, answers: Mapping[float, Tensor]) -> Examined:
        """What a call returns, of answers."""
        metrics = super().judged(answers)
        return {name: value for name, value in metrics.items() if name != "test_class_counts"}


def exam_of(dataset: Dataset, device: torch.device, batch: int) -> Exam:
    """The test part of a data set: its classes are to be told, or, where it has no labels, the angles of its images.

    Args:
        dataset: of which the test part is read.
        device: where it is judged.
        batch: images judged at once.
    """
    if dataset.labelled:
        return Exam.of(dataset, device, batch)
    images, angles = quarter_turns(as_tensor(dataset.x_test).to(device))
    return _RotationExam(images, angles, batch)
