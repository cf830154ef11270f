"""Pictures of images with masks: what a policy makes of both, the classes of pixels in colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from policysearch.augmentation import Draw
from policysearch.augmentation.segmentation import drawn_masks
from policysearch.core.masks import IGNORE
from policysearch.core.readable import readable_name
from policysearch.datasets.dataset import Dataset
from policysearch.policy.policy import Policy
from policysearch.reports.preview.captions import steps_in_words
from policysearch.reports.preview.sheet import Picture

if TYPE_CHECKING:
    import torch

_COLOURS = {
    "orange": (230, 159, 0),
    "sky blue": (86, 180, 233),
    "green": (0, 158, 115),
    "yellow": (240, 228, 66),
    "blue": (0, 114, 178),
    "vermilion": (213, 94, 0),
    "purple": (204, 121, 167),
}
"""Of classes 1, 2, … in turn (Okabe & Ito 2008); class 0 is left clear."""
_HIDDEN = (255, 255, 255)
_OVER = 0.55  # share of a class's colour
_NAMED = 4  # classes under a picture
_LISTED = len(_COLOURS)


class Masking(NamedTuple):
    """The masks of images.

    Attributes:
        masks: [N, H, W] uint8.
        classes: a name for each class of pixels.
    """

    masks: NDArray[np.uint8]
    classes: Sequence[str]

    def of_rows(self, rows: NDArray[np.int64]) -> Masking:
        """The masks of some of the images."""
        return Masking(np.ascontiguousarray(self.masks[rows]), self.classes)

    @property
    def legend(self) -> str:
        """Which colour means what."""
        names = [f"{readable_name(name)} {colour}" for name, colour in zip(self.classes[1:], _COLOURS, strict=False)]
        further = [] if len(self.classes) <= _LISTED + 1 else [f"{len(self.classes) - _LISTED - 1} more in turn"]
        return ", ".join([*names, *further, f"{readable_name(self.classes[0])} clear", "no class white"])

    def picture(self, image: NDArray[np.uint8], mask: NDArray[np.uint8], further: Sequence[str] = ()) -> Picture:
        """An image [C, H, W] under the colours of its mask [H, W], with the shares of its classes in bold."""
        return Picture(overlaid(image, mask), (self._shares(mask), *further))

    def _shares(self, mask: NDArray[np.uint8]) -> str:
        counts = np.bincount(mask.ravel(), minlength=IGNORE + 1)
        shown = sorted(np.flatnonzero(counts[:IGNORE]).tolist(), key=lambda number: -counts[number])
        words = [f"{readable_name(self.classes[k])} {counts[k] / mask.size:.0%}" for k in shown[:_NAMED]]
        hidden = [f"no class {counts[IGNORE] / mask.size:.0%}"] if counts[IGNORE] else []
        return ", ".join([*words, *hidden])


def training_masks(dataset: Dataset) -> Masking | None:
    """The masks of the training images of a data set; None where they have none."""
    return None if dataset.masks_train is None else Masking(dataset.masks_train, dataset.mask_classes)


def overlaid(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image [C, H, W] with the colours of its mask [H, W] over it, as [H, W, 3] uint8.

    Example:
        >>> overlaid(np.zeros((1, 1, 2), np.uint8), np.array([[0, 255]], np.uint8)).tolist()
        [[[0, 0, 0], [255, 255, 255]]]
    """
    rgb = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0).astype(np.float32)
    colours = np.array(list(_COLOURS.values()), np.float32)
    over = colours[(mask.astype(np.int64) - 1) % len(colours)]
    mixed = np.where((mask > 0)[..., None], rgb * (1 - _OVER) + over * _OVER, rgb)
    mixed[mask == IGNORE] = _HIDDEN
    return mixed.round().astype(np.uint8)


def mask_pictures(
    policy: Policy,
    batch: torch.Tensor,
    masking: Masking,
    rows: int,
    draws: int,
    generator: torch.Generator,
    progress: float,
) -> list[list[Picture]]:
    """A row per image: as it is under its mask, then its draws under theirs, with the shares of classes in bold.

    Args:
        policy: what is drawn from.
        batch: [B, C, H, W] uint8, the images shown first, then those that a mix may take.
        masking: the masks of these B images.
        rows: images shown.
        draws: of each.
        generator: all randomness.
        progress: share of training done, in [0, 1].

    Raises:
        UserError: the policy is not one for masks.
    """
    import torch

    masks = torch.from_numpy(masking.masks)
    grid = [[masking.picture(batch[row].numpy(), masking.masks[row])] for row in range(rows)]
    for _ in range(draws):
        out, drawn = drawn_masks(policy, batch, masks, generator, progress=progress)
        for row, pictures in enumerate(grid):
            words = (*steps_in_words(drawn, row), *_mix(drawn, row))
            pictures.append(masking.picture(out.images[row].numpy(), out.masks[row].numpy(), words))
    return grid


def _mix(drawn: Draw, row: int) -> list[str]:
    return [drawn.mix.operation] if drawn.mix is not None and drawn.mix.applied[row] else []
