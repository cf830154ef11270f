"""How well predicted classes of pixels agree with masks: counts by class, and what they come to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from policysearch.core.masks import IGNORE


def pixel_losses(logits: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of the cross-entropy of all pixels that count, and how many do.

    Args:
        logits: [B, classes, H, W] float.
        masks: [B, H, W] uint8, the class of each pixel; 255 does not count.

    Returns:
        [] float, nats, and [] int64.

    Example:
        >>> loss, count = pixel_losses(torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, 255]]], dtype=torch.uint8))
        >>> round(float(loss), 4), int(count)
        (1.3863, 2)
    """
    loss = F.cross_entropy(logits.float(), masks.long(), ignore_index=IGNORE, reduction="sum")
    return loss, (masks != IGNORE).sum()


@dataclass(frozen=True)
class Overlap:
    """Pixels by true and predicted class.

    Attributes:
        counts: [classes, classes] int64, pixels of the true class (row) that were predicted so (column).
    """

    counts: Tensor

    @classmethod
    def of(cls, predicted: Tensor, masks: Tensor, classes: int) -> Overlap:
        """The counts of predicted classes [B, H, W] int64 and masks [B, H, W] uint8; 255 does not count.

        Example:
            >>> masks = torch.tensor([[[0, 0, 1, 255]]], dtype=torch.uint8)
            >>> Overlap.of(torch.tensor([[[0, 1, 1, 1]]]), masks, 2).counts
            tensor([[1, 1],
                    [0, 1]])
        """
        labelled = masks != IGNORE
        pairs = masks[labelled].long() * classes + predicted[labelled]
        return cls(pairs.bincount(minlength=classes**2).view(classes, classes))

    def __add__(self, other: Overlap) -> Overlap:
        return Overlap(self.counts + other.counts)

    def pixels(self) -> list[list[int]]:
        """By class: pixels of the intersection and of the union of what is true and what is predicted, and true ones.

        Example:
            >>> Overlap(torch.tensor([[3, 1], [0, 2]])).pixels()
            [[3, 4, 4], [2, 3, 2]]
        """
        right, true = self.counts.diagonal(), self.counts.sum(1)
        union = self.counts.sum(0) + true - right
        return torch.stack([right, union, true], 1).tolist()

    def scores(self) -> dict[str, float]:
        """What the counts come to.

        Classes that no mask shows are left out of the mean; pixels wrongly given to them count against the others.

        Returns:
            accuracy, the mean over classes of intersection over union (Everingham et al. 2015, section 4.2);
            worst_iou, the least of them; pixel_accuracy. nan where no pixel has a class.

        Example:
            >>> Overlap(torch.tensor([[3, 1], [0, 2]])).scores()["worst_iou"]
            0.6666666666666666
        """
        total = int(self.counts.sum())
        if not total:
            return dict.fromkeys(("accuracy", "worst_iou", "pixel_accuracy"), math.nan)
        shares = [right / union for right, union, true in self.pixels() if true]
        return {
            "accuracy": sum(shares) / len(shares),
            "worst_iou": min(shares),
            "pixel_accuracy": int(self.counts.diagonal().sum()) / total,
        }
