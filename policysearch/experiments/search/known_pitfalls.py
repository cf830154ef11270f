"""Pulls that are known to mislead, by measurements on two data sets; a search with them gets a warning."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from policysearch.core.tasks import CLASSIFICATION
from policysearch.study.config import SearchConfig
from policysearch.study.density_settings import density_settings


@dataclass(frozen=True)
class Pitfall:
    """A kind of pull that misleads.

    Attributes:
        applies: to a search's pulls.
        reason: what happens, as the end of a sentence.
        source: the measurement: small-resnet on 4,000 images of Fashion-MNIST and of CIFAR-10, against 40 and 60
            epochs of all.
    """

    applies: Callable[[SearchConfig], bool]
    reason: str
    source: str


PITFALLS = (
    Pitfall(
        lambda config: config.epochs < 40 and not config.recipe.base_epochs,
        "pulls of fewer than 40 epochs rank strong policies last, however many images they have",
        "25 arms: 4000x6, 2000x8 and 6 epochs on all images have rank correlations with long training of -0.5 to -0.65 "
        "and pick an arm 0.02 to 0.07 below the best",
    ),
    Pitfall(
        lambda config: config.images <= 500 and config.epochs >= 60 and _is_loss(config.reward),
        "the loss after many epochs of few images rewards timid networks, not good ones",
        "35 arms (results/2026-11-21_proxies), by -loss: 500x80 has rank correlation 0.42 on Fashion-MNIST, and on "
        "CIFAR-10 the picks of 250x60, 500x80 and 250x120 are 0.034, 0.049 and 0.050 below the best",
    ),
)
"""The first that applies is reported."""


def _is_loss(reward: str) -> bool:
    """Whether it is the negative loss and nothing else."""
    return re.fullmatch(r"-([\d.]+\*)?loss", reward.replace(" ", "")) is not None


def known_to_mislead(config: SearchConfig) -> str:
    """One sentence of warning; empty if nothing is known against such pulls, which is no promise.

    What was measured is about classifiers trained from nothing under policies, and says nothing of other tasks, of
    fine-tuning, nor of the strategy `density`.
    """
    if density_settings(config.strategy) or config.task != CLASSIFICATION or config.weights:
        return ""
    pitfall = next((pitfall for pitfall in PITFALLS if pitfall.applies(config)), None)
    if pitfall is None:
        return ""
    return (
        f"{config.images} images × {config.epochs} epochs by {config.reward} is known to mislead: {pitfall.reason}; "
        "500 images × 80 epochs by accuracy did not, and `policysearch calibrate` measures it on your data"
    )


def hardly_confirmed(config: SearchConfig) -> str:
    """One sentence of warning where finalists are confirmed by less than the search's own pulls; else empty."""
    images, epochs = config.last_fidelity
    if not config.confirm or images * epochs >= config.images * config.epochs:
        return ""
    return (
        f"finalists are confirmed by {images} images × {epochs} epochs, less than the {config.images} × "
        f"{config.epochs} of the search: --confirm-images and --confirm-epochs should be as many or more"
    )
