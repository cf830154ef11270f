"""What was chosen when: the share that each arm, or each value of a parameter, had of a training."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from policysearch.experiments.online.summary import Pull, Summary
from policysearch.stats.arrays import Floats

_BINS = 60


@dataclass(frozen=True)
class Share:
    """What one arm, or one value of a parameter, had of a training.

    Attributes:
        name: of it.
        pulls: how often it was chosen.
        reward: the mean of its rewards; nan where it has none.
        over_time: [B] its share of each of B equal parts of the training, in [0, 1].
    """

    name: str
    pulls: int
    reward: float
    over_time: Floats

    @property
    def whole(self) -> float:
        """Its share of the whole training."""
        return float(self.over_time.mean())

    @property
    def early(self) -> float:
        """Its share of the first third."""
        return float(self.over_time[: len(self.over_time) // 3].mean())

    @property
    def late(self) -> float:
        """Its share of the last third."""
        return float(self.over_time[-(len(self.over_time) // 3) :].mean())


def shares(result: Summary) -> list[Share]:
    """What was chosen, most often first: the arms, or, where several trained side by side, their parameters' values."""
    epochs = float(result.about["epochs"])
    edges = np.linspace(0, epochs, _BINS + 1)
    over_time: dict[str, Floats] = defaultdict(lambda: np.zeros(_BINS))
    rewards: dict[str, list[float]] = defaultdict(list)
    pulls: Counter[str] = Counter()
    for pull in result.pulls:
        covered = np.clip(np.minimum(edges[1:], pull.last) - np.maximum(edges[:-1], pull.first), 0, None)
        for name, weight in _parts(pull, result.width):
            over_time[name] += covered / np.diff(edges) * weight / result.width
            pulls[name] += 1
            rewards[name] += [] if pull.reward is None else [pull.reward]
    rows = [Share(name, pulls[name], _mean(rewards[name]), values) for name, values in over_time.items()]
    return sorted(rows, key=lambda row: -row.whole)


def _parts(pull: Pull, width: int) -> list[tuple[str, float]]:
    """What a policy counts as, with weights: its arm, or its parameters' values (copies in equal parts)."""
    if width == 1:
        return [(pull.arm, 1.0)]
    values = [(_without_copy(name), value) for name, value in pull.parameters.items() if name != "family"]
    copies = Counter(name for name, _ in values)
    return [(f"{name} = {value}", 1 / copies[name]) for name, value in values]


def _without_copy(name: str) -> str:
    stem, _, copy = name.rpartition("_")
    return stem if stem and copy.isdigit() else name


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
