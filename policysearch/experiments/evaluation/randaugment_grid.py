"""RandAugment's grid: N and M chosen on validation, by trainings of their own, before the test part is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.experiments.evaluation.contenders import fixed_arms
from policysearch.experiments.evaluation.settings import GRID
from policysearch.policy.spaces import Arm
from policysearch.study.rows import COMPLETE, Row


@dataclass(frozen=True)
class GridResult:
    """The result of the grid.

    Attributes:
        names: the presets tried, as randaugment:N,M.
        means: mean validation accuracy of each; nan where no training ended well.
        chosen: the preset with the best mean, the first of equals; None where there is no mean.
        trainings: how many were run.
        worker_seconds, cpu_seconds: what they cost in all.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    chosen: str | None
    trainings: int
    worker_seconds: float
    cpu_seconds: float

    @property
    def arm(self) -> Arm | None:
        """The chosen policy, named after the grid."""
        if self.chosen is None:
            return None
        (arm,) = fixed_arms([self.chosen])
        named = arm.policy.model_copy(update={"name": f"{GRID}:{self.chosen.partition(':')[2]}"})
        return Arm({}, named)


def grid_result(names: Sequence[str], rows: Sequence[Row]) -> GridResult:
    """Choose among presets by the grid's trials, whose reward is the validation accuracy."""
    arms = fixed_arms(names)
    by_arm: dict[str, list[float]] = {arm.key: [] for arm in arms}
    for row in rows:
        if row.arm.key in by_arm and row.reward is not None:
            by_arm[row.arm.key].append(row.reward)
    rewards = [by_arm[arm.key] for arm in arms]

    most = max(map(len, rewards), default=0)
    means = [float(np.mean(values)) if values else math.nan for values in rewards]
    whole = [i for i, values in enumerate(rewards) if len(values) == most > 0]
    chosen = names[max(whole, key=lambda i: means[i])] if whole else None
    cpu = [float(row.outcome.metrics.get("cpu_seconds", 0)) for row in rows if row.state == COMPLETE]
    return GridResult(tuple(names), tuple(means), chosen, len(rows), sum(row.seconds for row in rows), sum(cpu))
