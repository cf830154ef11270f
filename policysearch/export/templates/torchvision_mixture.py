"""AugMix's mixture: the mean of several draws of an image and the image itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision import tv_tensors

from policysearch.augmentation.sampling import mixture_shares
from policysearch.export.templates.torchvision_policy import Drawn, PolicyTransform, SubPolicy, applied


class Blend(NamedTuple):
    """Several draws for one image, and the shares [1 + draws] of the image itself and of the draws."""

    chains: list[list[Drawn]]
    shares: Tensor


class MixtureTransform(PolicyTransform):
    """Of every image the mean of `width` draws, by Dirichlet(alpha) weights, and the image, by Beta(alpha, alpha).

    Boxes and masks are refused: the draws of one image lie over each other at different places. With `ignore`, which
    is given where no draw moves or hides a pixel, masks stay as they are.
    """

    def __init__(
        self, *stages: tuple[float, Sequence[SubPolicy]], width: int, alpha: float, ignore: int | None = None
    ) -> None:
        super().__init__(*stages, ignore=ignore)
        self.width, self.alpha = width, alpha

    def draw(self) -> Any:
        chains = [super(MixtureTransform, self).draw() for _ in range(self.width)]
        return Blend(chains, mixture_shares(self.width, self.alpha, 1)[0])

    def applied(self, image: Any, drawn: Any) -> Any:
        if self.ignore is not None and isinstance(image, tv_tensors.Mask):
            return image
        if isinstance(image, tv_tensors.TVTensor) and not isinstance(image, tv_tensors.Image):
            raise TypeError("a mean of several draws has no single place for boxes and masks")
        parts = [image, *(applied(image, chain) for chain in drawn.chains)]
        mean = sum(part * share for part, share in zip(parts, drawn.shares, strict=True))
        return torch.as_tensor(mean).round().clamp(0, 255).to(torch.uint8)
