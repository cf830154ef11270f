"""Whether the networks of a search learned enough to judge policies by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from policysearch.reports.numbers import PERCENT
from policysearch.study.rows import COMPLETE, Row

LARGEST_CLASS = "largest class"
"""Key in the notes of a search: the share of the validation images that are of the largest class."""
CHANCE = "chance"
"""Key likewise: the accuracy of networks that have learned nothing, where there are no classes."""
_NEAR_RATIO, _NEAR_SHARE = 0.25, 0.1
_ERRORS = 2  # standard errors of the count of images


@dataclass(frozen=True)
class Learning:
    """How the best of several arms compares with always naming the largest class.

    Attributes:
        best: name of the arm with the best mean accuracy.
        accuracy: that mean, in [0, 1].
        largest: share of the validation images that are of the largest class; 1/classes where it is not known, and
            without classes what guessing gives.
        exact: whether it is known.
        images: of the validation part; 0 where they are not known.
        constant: how many networks give every image the same class, of those that say.
        networks: how many say.
    """

    best: str
    accuracy: float
    largest: float
    exact: bool
    images: int
    constant: int
    networks: int

    @property
    def hardly(self) -> bool:
        """Whether nothing was learned that policies could be judged by.

        So it is where the best mean accuracy is at or near the largest class's share: above it by less than two
        standard errors of the count of images, or by less than a quarter of the share, or than a tenth of what is
        missing to 1, whichever of these two is smaller. Constant predictions are never above it.
        """
        error = math.sqrt(self.largest * (1 - self.largest) / self.images) if self.images else 0.0
        margin = max(_ERRORS * error, min(_NEAR_RATIO * self.largest, _NEAR_SHARE * (1 - self.largest)))
        return self.accuracy <= self.largest + margin

    @property
    def sentence(self) -> str:
        """What is wrong, and what to do."""
        share = PERCENT.value(self.largest)
        blind = f"naming the largest class every time gives {share}" if self.exact else f"guessing gives {share}"
        if not self.largest:
            blind = f"networks that have learned nothing get {share}"
        same = ""
        if self.constant:
            which = "all" if self.constant == self.networks else f"{self.constant} of {self.networks}"
            same = f" ({which} networks give every image the same class)"
        return (
            f"these networks have hardly learned anything: the best, {self.best}, reaches "
            f"{PERCENT.value(self.accuracy)}, and {blind}{same}; take more --images or --epochs, or a network that "
            "suits the images"
        )


def learning(rows: Sequence[Row], data: Mapping[str, Any]) -> Learning | None:
    """How the best arm of these trials compares with always naming the largest class.

    Args:
        rows: trials of one fidelity.
        data: what the search noted of its data; empty for a search of an older version.

    Returns:
        None where no trial tells its accuracy, or the classes are not known.
    """
    exact = LARGEST_CLASS in data
    largest = data[LARGEST_CLASS] if exact else data.get(CHANCE)
    if largest is None and data.get("classes"):
        largest = 1 / data["classes"]
    judged = [row for row in rows if row.state == COMPLETE and "accuracy" in row.outcome.metrics]
    if largest is None or not judged:
        return None

    accuracies: dict[str, list[float]] = {}
    for row in judged:
        accuracies.setdefault(row.arm.name, []).append(float(row.outcome.metrics["accuracy"]))
    best = max(accuracies, key=lambda name: float(np.mean(accuracies[name])))
    predicted = [row.outcome.metrics["most_predicted"] for row in judged if "most_predicted" in row.outcome.metrics]
    return Learning(
        best=best,
        accuracy=float(np.mean(accuracies[best])),
        largest=float(largest),
        exact=exact,
        images=int(data.get("validation images", 0)),
        constant=sum(share == 1 for share in predicted),
        networks=len(predicted),
    )
