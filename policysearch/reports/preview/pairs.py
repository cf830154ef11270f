"""Pictures of pairs: both views of an image side by side, with what they share and what the pair counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from policysearch.augmentation.views import Views, drawn_views
from policysearch.policy.policy import Policy
from policysearch.reports.preview.captions import steps_in_words
from policysearch.reports.preview.sheet import Picture, pixels

if TYPE_CHECKING:
    import torch

_PLACES = ("left: training images as they are", "beside each: first and second views of pairs")
_LEGEND = "IoU: the image's pixels that both views show over those that at least one shows"
_WEIGHT = "weight: what the pair counts, 1 on average over a batch"


def pair_pictures(
    policy: Policy, batch: torch.Tensor, names: Sequence[str], draws: int, generator: torch.Generator, progress: float
) -> list[list[Picture]]:
    """A row per name: the image as it is, then `draws` times its first and its second view.

    Args:
        policy: what either view is drawn from.
        batch: [B, C, H, W] uint8, over which weights have mean 1.
        names: what stands under the first images, B or fewer.
        draws: pairs of each image.
        generator: all randomness.
        progress: share of training done, in [0, 1].

    Raises:
        UserError: the policy gives no views.
    """
    grid = [[Picture(pixels(image.numpy()), (name,))] for image, name in zip(batch, names, strict=False)]
    for _ in range(draws):
        out = drawn_views(policy, batch, generator, progress)
        for row, pictures in enumerate(grid):
            pictures += _both(out, row, weighted=policy.pair is not None)
    return grid


def _both(out: Views, row: int, weighted: bool) -> list[Picture]:
    shared = f"IoU {float(out.iou[row]):.2f}" + (f", weight {float(out.weights[row]):.2f}" if weighted else "")
    first, second = (steps_in_words(of_view, row) for of_view in out.draws)
    return [
        Picture(pixels(out.first[row].numpy()), (shared, *first)),
        Picture(pixels(out.second[row].numpy()), ("second view", *second)),
    ]


def notes_on_pairs(policy: Policy, places: tuple[str, ...] = _PLACES) -> list[str]:
    """What stands at which place, and what the words under the pictures mean."""
    return ["; ".join([*places, _LEGEND, *([_WEIGHT] if policy.pair else [])])]
