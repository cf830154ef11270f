"""Applying policies to batches of images: draw first (`draw`), then apply (`apply`), soften (`soften`), and mix."""

from policysearch.augmentation.batch import Augmented, augment, replay
from policysearch.augmentation.kernels.registry import register
from policysearch.augmentation.lines import Lines, augment_lines
from policysearch.augmentation.sampling import Draw, draw
from policysearch.augmentation.segmentation import Segmentation, augment_masks
from policysearch.augmentation.soft_targets import confidence, intersection_over_union, pair_confidence, soft_loss

__all__ = [
    "Augmented",
    "Draw",
    "Lines",
    "Segmentation",
    "augment",
    "augment_lines",
    "augment_masks",
    "confidence",
    "draw",
    "intersection_over_union",
    "pair_confidence",
    "register",
    "replay",
    "soft_loss",
]
