"""Whether the data have classes enough, and images of each, for rewards and strategies that look at single classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from policysearch.core.errors import UserError
from policysearch.core.tasks import CLASSIFICATION
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.split import Split
from policysearch.study.by_class.settings import NAME as BY_CLASS
from policysearch.study.config import SearchConfig
from policysearch.study.rewards import named_metrics

_FEW = 50
"""Validation images of a class below which its own accuracy moves in steps of more than 2 points."""
_TOP = 5


def class_reward_notes(config: SearchConfig, dataset: Dataset, sides: Split) -> Sequence[str]:
    """Check that the data suit a reward or a strategy that looks at single classes.

    Args:
        config: of the search; one of another task has no such reward.
        dataset: classes and labels.
        sides: the split of its training part.

    Returns:
        A sentence of warning where a class has few validation images.

    Raises:
        UserError: the reward is the share of images among the 5 likeliest classes, and there are no more.
    """
    if config.task != CLASSIFICATION:
        return ()
    named = {name for text in (config.reward, config.last_reward) for name in named_metrics(text) or ()}
    classes = len(dataset.classes)
    if "top_5" in named and classes <= _TOP:
        raise UserError(
            f"reward top-5 needs {_TOP + 1} classes or more, and {dataset.name} has {classes}, so that the right one "
            "is always among the 5 likeliest: give --reward accuracy"
        )
    what = "reward worst-class" if "worst_class" in named else ""
    if config.strategy.partition(":")[0] == BY_CLASS:
        what = f"strategy {BY_CLASS}"
    counts = np.bincount(dataset.y_train[sides.validation], minlength=classes)
    least = int(np.argmin(counts))
    if not what or counts[least] >= _FEW:
        return ()
    return (
        f"{what} looks at single classes, and {dataset.classes[least]!r} has {counts[least]} validation images, of "
        f"which one is {100 / max(1, counts[least]):.3g} points: below some {_FEW} images what is said of a class is "
        "mostly noise; give a larger --validation or more --confirm",
    )
