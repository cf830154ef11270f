"""Two views of an image, and what the pair of them counts by the pixels that both show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import PIL.Image
import torch
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as TF

from policysearch.augmentation.soft_targets import pair_confidence
from policysearch.augmentation.views import normalised
from policysearch.export.templates.torchvision_policy import GEOMETRY, HIDING, Drawn


def shown(height: int, width: int, steps: Sequence[Drawn]) -> Tensor:
    """[H·W] bool: the pixels of an image that are still there after the steps."""
    places = tv_tensors.Mask(torch.arange(1.0, height * width + 1).view(1, height, width))
    for step in steps:
        if step.operation in GEOMETRY:
            places = step.on(places)
        elif step.operation in HIDING:
            places = tv_tensors.Mask(places.masked_fill(step.on(places), 0))
    seen = torch.zeros(height * width + 1, dtype=torch.bool)
    seen[places.as_subclass(Tensor).flatten().long()] = True
    return seen[1:]


def shared_share(height: int, width: int, first: Sequence[Drawn], second: Sequence[Drawn]) -> Tensor:
    """[] in [0, 1]: the image's pixels that both views show over those that at least one shows."""
    seen, other = shown(height, width, first), shown(height, width, second)
    return (seen & other).sum() / (seen | other).sum().clamp(min=1)


@dataclass(frozen=True)
class PairWeight:
    """1 - (1 - p_min)·(1 - IoU)^k, where `easy` 1 - (1 - p_min)·IoU^k (Liu et al. 2023, equations 9 and 10)."""

    k: float
    p_min: float
    easy: bool

    def of(self, iou: Tensor) -> Tensor:
        """What pairs with these intersections over union count."""
        return pair_confidence(iou, self.k, self.p_min, self.easy)


class TwoViews(nn.Module):
    """An image -> (first view, second view, weight [] float32), and `collate` for a DataLoader.

    The views are two draws of `policy`, of the same kind as the image. The weight of one pair is that of its equation;
    in a batch the weights are divided by their mean.
    """

    def __init__(self, policy: Any, pair: PairWeight | None) -> None:
        """`pair` None: all pairs count 1."""
        super().__init__()
        self.policy, self.pair = policy, pair

    def forward(self, image: Any) -> tuple[Any, Any, Tensor]:
        """One image, PIL (L or RGB) or uint8 [C, H, W], or a batch [B, C, H, W] with weights [B] of mean 1."""
        self.policy.check_inputs([image])
        both = [self.policy.make_params([image]) for _ in range(2)]
        first, second = (self.policy.transform(image, params) for params in both)
        weights = self._weights(image, *(params["draws"] for params in both))
        is_batch = isinstance(image, Tensor) and image.ndim == 4
        return first, second, normalised(weights) if is_batch else weights[0]

    def _weights(self, image: Any, first: Sequence[Any], second: Sequence[Any]) -> Tensor:
        """[B]: what each pair of draws counts, not normalised."""
        if self.pair is None:
            return torch.ones(len(first))
        height, width = TF.get_size(image)
        shares = [shared_share(height, width, *draws) for draws in zip(first, second, strict=True)]
        return self.pair.of(torch.stack(shares) if shares else torch.zeros(0))

    def collate(self, samples: Sequence[Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs of views of one size -> two batches [B, C, H, W] uint8 and weights [B] with mean 1.

        A sample is what `forward` gives, or (that, label) as from a data set with labels, which are left out.
        """
        pairs = [sample[0] if isinstance(sample[0], tuple) else sample for sample in samples]
        first, second = (torch.stack([_pixels(pair[view]) for pair in pairs]) for view in (0, 1))
        return first, second, normalised(torch.stack([pair[2] for pair in pairs]))


def _pixels(image: Any) -> Tensor:
    return TF.pil_to_tensor(image) if isinstance(image, PIL.Image.Image) else image.as_subclass(Tensor)
