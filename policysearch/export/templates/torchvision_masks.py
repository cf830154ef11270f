"""Images with masks, augmented alike: masks keep their class numbers, and have none where their pixels are hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import PIL.Image
import torch
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as TF

from policysearch.augmentation.mixing import pasted
from policysearch.augmentation.sampling import MixDraw, mix_draw
from policysearch.export.templates.image_checks import described


@dataclass(frozen=True)
class MaskMix:
    """A mix of the images of a batch in which every pixel comes from one image; one takes part with `probability`."""

    mixer: Callable[[Tensor, MixDraw, None], tuple[Tensor, Tensor, Tensor]]
    probability: float
    alpha: float

    def __call__(self, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [B, C, H, W] and masks [B, H, W], mixed alike."""
        draw = mix_draw(self.mixer.__name__, self.probability, self.alpha, len(images))
        mixed, moved = pasted(self.mixer, draw, images, masks[:, None])
        return mixed, moved[:, 0]


class MaskTransform(nn.Module):
    """(image, mask) -> (image, mask [H, W]), both moved alike, and `collate` for a DataLoader.

    `policy.ignore` is put in the mask where a pixel is hidden or comes from outside. `mixes`: from which share of the
    training on, in [0, 1), the batch is mixed by what (None: not).

    Raises:
        TypeError: a mask is no PIL image of one channel and no tensor of whole numbers.
        ValueError: a mask has another size than its image, or a batch is given in place of one image.
    """

    def __init__(self, policy: Any, mixes: Sequence[tuple[float, Any]]) -> None:
        super().__init__()
        self.policy, self.mixes = policy, mixes

    def forward(self, image: Any, mask: Any) -> tuple[Any, Tensor]:
        """One image, PIL (L or RGB) or uint8 [C, H, W], and its mask, PIL or whole numbers [H, W]."""
        if isinstance(image, Tensor) and image.ndim == 4:
            raise ValueError("masks go with single images: give them in the data set, and `collate` to the DataLoader")
        numbers = mask_of(mask)
        if list(numbers.shape) != list(TF.get_size(image)):
            raise ValueError(f"the mask has {list(numbers.shape)} pixels and its image {list(TF.get_size(image))}")
        out, moved = self.policy(image, tv_tensors.Mask(numbers))
        return out, moved.as_subclass(Tensor)

    def collate(self, samples: Sequence[tuple[Any, Tensor]]) -> tuple[Tensor, Tensor]:
        """What `forward` gave for images of one size -> [B, C, H, W] uint8 and masks [B, H, W] int64, mixed alike."""
        images = torch.stack([image_pixels(image) for image, _ in samples])
        masks = torch.stack([mask for _, mask in samples]).long()
        mix = next(mix for start, mix in reversed(self.mixes) if self.policy.progress >= start)
        return (images, masks) if mix is None else mix(images, masks)


def mask_of(mask: Any) -> Tensor:
    """A mask as numbers [H, W], which must be whole."""
    if isinstance(mask, PIL.Image.Image):
        mask = TF.pil_to_tensor(mask)
    if isinstance(mask, Tensor) and mask.ndim == 3 and len(mask) == 1:
        mask = mask[0]
    if not isinstance(mask, Tensor) or mask.ndim != 2 or mask.is_floating_point() or mask.dtype == torch.bool:
        raise TypeError(f"masks must be PIL images of one channel or whole numbers [H, W], got {described(mask)}")
    return mask.as_subclass(Tensor)


def image_pixels(image: Any) -> Tensor:
    return TF.pil_to_tensor(image) if isinstance(image, PIL.Image.Image) else image.as_subclass(Tensor)
