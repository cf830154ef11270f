"""Pulls that are known to mislead, from measurements on two data sets; a search with them is warned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["KNOWN", "Known", "known_to_mislead"]


@dataclass(frozen=True)
class Known:
    """A kind of pull that misleads.

    Attributes:
        applies: of images, epochs and reward.
        reason: what happens, as the end of a sentence.
        source: what was measured: small-resnet on 4,000 images of Fashion-MNIST and of CIFAR-10, against 40 and 60
            epochs of all.
    """

    applies: Callable[[int, int, str], bool]
    reason: str
    source: str


KNOWN = (
    Known(
        lambda images, epochs, reward: epochs < 40,
        "pulls of fewer than 40 epochs rank strong policies last, however many images they have",
        "25 arms: 4000x6, 2000x8 and 6 epochs on all images have rank correlations with long training of -0.5 to -0.65 "
        "and pick an arm 0.02 to 0.07 below the best",
    ),
    Known(
        lambda images, epochs, reward: images <= 500 and reward.startswith("-loss"),
        "the loss after many epochs of few images rewards timid networks, not good ones",
        "35 arms (results/2026-11-21_tables), 500x80 by -loss: rank correlation 0.42 on Fashion-MNIST, and on CIFAR-10 "
        "its pick is 0.048 below the best",
    ),
)
"""The first that applies is told."""


def known_to_mislead(images: int, epochs: int, reward: str) -> str:
    """One sentence of warning; empty if nothing is known against such pulls, which is no promise."""
    found = next((known for known in KNOWN if known.applies(images, epochs, reward.replace(" ", ""))), None)
    if found is None:
        return ""
    return (
        f"{images} images × {epochs} epochs by {reward} is known to mislead: {found.reason}; "
        "500 images × 80 epochs by accuracy did not, and `policysearch calibrate` measures it on your data"
    )
