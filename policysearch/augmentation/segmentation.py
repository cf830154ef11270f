"""`augment_masks`: a policy applied to images with masks, which say the class of every pixel and go with the pixels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from policysearch.augmentation.apply import track
from policysearch.augmentation.batch import applied
from policysearch.augmentation.mixing import MIXERS, pasted
from policysearch.augmentation.sampling import Draw, draw
from policysearch.augmentation.validation import check_generator, check_images, current_policy, described
from policysearch.core.errors import UserError
from policysearch.core.masks import IGNORE
from policysearch.policy.mask_checks import obstacle_to_masks
from policysearch.policy.policy import Policy


class Segmentation(NamedTuple):
    """Images and the classes of their pixels after augmentation.

    Attributes:
        images: [B, C, H, W] uint8.
        masks: [B, H, W] of the given dtype: every value is one of the given masks', or the one to be ignored.
    """

    images: Tensor
    masks: Tensor


def augment_masks(
    policy: Policy,
    images: Tensor,
    masks: Tensor,
    generator: torch.Generator,
    *,
    ignore: int = IGNORE,
    progress: float = 0.0,
) -> Segmentation:
    """Apply `policy` to images and their masks: what moves or hides pixels does so in both, colours change in one.

    A mask is moved to the nearest neighbour, whatever the image's interpolation, so that it never shows a class that is
    between two others.

    Args:
        policy: what to draw from; it softens no targets, and its mix takes every pixel from one image.
        images: [B, C, H, W] uint8, C 1 or 3, left unchanged.
        masks: [B, H, W] of whole numbers, the class of each pixel, left unchanged.
        generator: on the images' device; the same state gives the same result, and the same images as `augment` does.
        ignore: what the mask says of a pixel that comes from outside the image, or is hidden.
        progress: share of training done, in [0, 1], for policies with stages.

    Raises:
        UserError: images are not uint8 [B, C, H, W] with 1 or 3 channels; masks, generator or `ignore` do not fit them;
            the policy softens, adapts, weighs pairs, differs by class, blends images or averages draws that move.

    Example:
        >>> images = torch.zeros(1, 1, 2, 3, dtype=torch.uint8)
        >>> masks = torch.tensor([[[0, 1, 2], [0, 1, 2]]])
        >>> steps = [{"operation": "translate-x-pixels", "magnitude": 1, "signed": False}]
        >>> policy = Policy.from_dict({"sub_policies": [{"steps": steps}]})
        >>> augment_masks(policy, images, masks, torch.Generator()).masks
        tensor([[[255,   0,   1],
                 [255,   0,   1]]])
    """
    return drawn_masks(policy, images, masks, generator, ignore=ignore, progress=progress)[0]


def drawn_masks(
    policy: Policy,
    images: Tensor,
    masks: Tensor,
    generator: torch.Generator,
    *,
    ignore: int = IGNORE,
    progress: float = 0.0,
) -> tuple[Segmentation, Draw]:
    """What `augment_masks` gives, and what was drawn for it; arguments and errors are the same."""
    current = current_policy(policy, progress)
    check_images(images)
    must_suit_masks(current)
    _check_masks(masks, images, ignore)
    check_generator(generator, images)
    drawn = draw(current, len(images), generator)
    out, moved = applied(drawn, images), masks[:, None]
    if drawn.mixture is None:  # what a mean is taken of does not move
        moved = track(drawn, moved, ignore)
    if drawn.mix is not None:
        out, moved = pasted(MIXERS[drawn.mix.operation], drawn.mix, out, moved)
    return Segmentation(out, moved[:, 0]), drawn


def must_suit_masks(policy: Policy) -> None:
    """Check that a policy, with all of its stages, can augment images with masks.

    Raises:
        UserError: a part of it has no meaning for the classes of pixels.
    """
    reason = obstacle_to_masks(policy)
    if reason:
        raise UserError(f"{policy.name or policy.hash} {reason}")


def _check_masks(masks: Tensor, images: Tensor, ignore: int) -> None:
    shape = [len(images), *images.shape[2:]]
    if not isinstance(masks, Tensor) or [*masks.shape] != shape or masks.is_floating_point() or masks.is_complex():
        raise UserError(f"masks must be a torch tensor of whole numbers {shape}, one per image, got {described(masks)}")
    if masks.device != images.device:
        raise UserError(f"masks must be on the images' device {images.device}, they are on {masks.device}")
    if masks.dtype == torch.bool:
        raise UserError("masks of booleans have no value for what is hidden: give masks.to(torch.uint8)")
    limits = torch.iinfo(masks.dtype)
    if not limits.min <= ignore <= limits.max:
        raise UserError(f"ignore must be a number that {masks.dtype} holds, {limits.min}..{limits.max}, got {ignore}")
