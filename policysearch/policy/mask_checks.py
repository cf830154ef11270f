"""Which policies have a meaning for images whose pixels have classes."""

from __future__ import annotations

from policysearch.policy.classes import all_sub_policies
from policysearch.policy.mixes import mix_row
from policysearch.policy.operations import OPERATIONS
from policysearch.policy.policy import Policy
from policysearch.policy.steps import choices

MOVING_KINDS = frozenset({"move", "matrix", "crop", "warp"})
"""Kinds of operations that put pixels elsewhere."""
_CHANGES_MASKS = MOVING_KINDS | {"mask"}


def blends(policy: Policy) -> str | None:
    """The mix of a policy without stages, if its pixels come from several images at once."""
    mix = policy.mix
    if mix is None or mix_row(mix.operation).pastes or mix_row(mix.operation).needs_texts:
        return None
    return mix.operation


def averages_moves(policy: Policy) -> str | None:
    """The word "mixture", if a policy without stages averages draws that move or hide pixels."""
    return "mixture" if policy.mixture is not None and changes_masks(policy) else None


def changes_masks(policy: Policy) -> bool:
    """Whether a policy, with all its stages, has an operation that moves or hides pixels."""
    steps = (step for sub in all_sub_policies(policy) for step in sub.steps)
    return any(OPERATIONS[one.operation].kind in _CHANGES_MASKS for step in steps for one in choices(step))


def obstacle_to_masks(policy: Policy) -> str:
    """Why a policy cannot augment images with masks, as the rest of a sentence about it; empty where it can."""
    starts = (0.0, *(stage.start for stage in policy.stages))
    return next(filter(None, (_obstacle(policy.at(start)) for start in starts)), "")


def _obstacle(policy: Policy) -> str:
    if policy.softening is not None:
        return "softens the target of an image, and masks have one per pixel: leave out 'softening'"
    if policy.adaptive is not None:
        return "adapts to the class that is predicted of an image, and masks have one per pixel: leave out 'adaptive'"
    if policy.pair is not None:
        return "weighs pairs of views of self-supervised training: leave out 'pair' for masks"
    if policy.classes:
        return "has parts for some classes of images, and masks have one per pixel: leave out 'classes'"
    if blends(policy) or (policy.mix is not None and mix_row(policy.mix.operation).needs_texts):
        assert policy.mix is not None
        return (
            f"mixes by {policy.mix.operation}, and a pixel of masks has one class: images with masks can be mixed by "
            "cutmix and mosaic, which take every pixel from one image"
        )
    if averages_moves(policy):
        return "averages several draws, whose moves leave no one place for a mask: leave out 'mixture', or its moves"
    return ""
