"""Applying policies to batches of images: draw first (`draw`), then apply (`apply`), then soften (`soften`)."""

from policysearch.augmentation.batch import Augmented, augment
from policysearch.augmentation.draw import Draw, draw
from policysearch.augmentation.soften import confidence, soft_loss

__all__ = ["Augmented", "Draw", "augment", "confidence", "draw", "soft_loss"]
