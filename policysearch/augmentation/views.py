"""Two views of every image of a batch for self-supervised training, and what each pair of them counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from policysearch.augmentation.batch import applied
from policysearch.augmentation.sampling import Draw, draw
from policysearch.augmentation.shared_pixels import shared_share
from policysearch.augmentation.soft_targets import pair_confidence
from policysearch.augmentation.validation import check_generator, check_images, current_policy
from policysearch.core.errors import UserError
from policysearch.policy.pairs import PAIR_WEIGHTS, Pair, obstacle_to_views
from policysearch.policy.policy import Policy


@dataclass(frozen=True)
class Views:
    """Two views of each image of a batch.

    Attributes:
        first: [B, C, H, W] uint8, a draw of the policy.
        second: [B, C, H, W] uint8, another one, independent of the first.
        weights: [B] float32, 0 or more, with mean 1.
        iou: [B] float32 in [0, 1]: the source pixels that both views show over those that at least one shows.
        draws: what was drawn for either view, as data.
    """

    first: Tensor
    second: Tensor
    weights: Tensor
    iou: Tensor
    draws: tuple[Draw, Draw]


def views(
    policy: Policy, images: Tensor, generator: torch.Generator, progress: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Two views of each image, and what the pair of them counts in the loss.

    Args:
        policy: what to draw from; its `pair` says how pairs are weighted, without one all weights are 1.
        images: [B, C, H, W] uint8, C 1 or 3, left unchanged.
        generator: on the images' device; the same state gives the same result.
        progress: share of training done, in [0, 1], for policies with stages.

    Returns:
        First and second views [B, C, H, W] uint8, and weights [B] float32 with mean 1.

    Raises:
        UserError: as `drawn_views`.

    Example:
        >>> images = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
        >>> first, second, weights = views(Policy.preset("simsiam-sa1"), images, torch.Generator().manual_seed(0))
        >>> first.shape, round(float(weights.mean()), 4)
        (torch.Size([4, 3, 32, 32]), 1.0)
    """
    current, draws = _drawn(policy, images, generator, progress)
    first, second = (applied(of_view, images) for of_view in draws)
    if current.pair is None:
        return first, second, torch.ones(len(images), device=images.device)
    return first, second, pair_weights(current.pair, _iou(draws, images))


def drawn_views(policy: Policy, images: Tensor, generator: torch.Generator, progress: float = 0.0) -> Views:
    """What `views` gives for the same generator, with the intersection over union of each pair and the draws.

    Args:
        policy: as for `views`.
        images: as for `views`.
        generator: as for `views`.
        progress: as for `views`.

    Raises:
        UserError: images are not uint8 [B, C, H, W] with 1 or 3 channels, or too large; the generator is on another
            device; the policy softens, mixes or adapts, which takes labels or other images.
    """
    current, draws = _drawn(policy, images, generator, progress)
    first, second = (applied(of_view, images) for of_view in draws)
    iou = _iou(draws, images)
    return Views(first, second, pair_weights(current.pair, iou), iou, draws)


def pair_weights(pair: Pair | None, iou: Tensor) -> Tensor:
    """[B] float32 with mean 1: what pairs with these intersections over union [B] count, 1 each without `pair`.

    Liu et al. 2023, equations 9 and 10 and section B.4. Where every weight of the batch is 0, each becomes 1.
    """
    if pair is None:
        return torch.ones_like(iou)
    return normalised(pair_confidence(iou, pair.k, pair.p_min, PAIR_WEIGHTS[pair.weight].easy))


def normalised(weights: Tensor) -> Tensor:
    """Weights [B] divided by their mean; 1 each where all are 0."""
    mean = weights.mean() if len(weights) else weights.sum()
    return torch.where(mean > 0, weights / mean, torch.ones_like(weights))


def _drawn(
    policy: Policy, images: Tensor, generator: torch.Generator, progress: float
) -> tuple[Policy, tuple[Draw, Draw]]:
    """The policy's stage, and a draw for either view."""
    current = current_policy(policy, progress)
    check_images(images)
    check_generator(generator, images)
    other = obstacle_to_views(current)
    if other:
        raise UserError(
            f"two views of an image have no {other}, which takes labels or other images: leave it out of "
            f"{policy.name or policy.hash}"
        )
    return current, (draw(current, len(images), generator), draw(current, len(images), generator))


def _iou(draws: tuple[Draw, Draw], images: Tensor) -> Tensor:
    """A mixture's mean has the whole image in it, so that both views show all."""
    if draws[0].mixture is not None:
        return torch.ones(len(images), device=images.device)
    return shared_share(*draws, *images.shape[2:])
