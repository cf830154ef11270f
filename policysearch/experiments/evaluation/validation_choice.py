"""Fixed policies chosen on validation, by trainings of their own, before the test part is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from policysearch.experiments.evaluation.contenders import fixed_arms
from policysearch.experiments.evaluation.settings import survivor_count
from policysearch.policy.spaces import Arm
from policysearch.study.rows import COMPLETE, Row


@dataclass(frozen=True)
class ValidationChoice:
    """What was chosen among presets.

    Attributes:
        names: the presets tried, such as randaugment:N,M.
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

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ValidationChoice:
        """What was written; a mean that is not known is null there."""
        means = tuple(math.nan if mean is None else float(mean) for mean in fields["means"])
        return cls(**{**fields, "names": tuple(fields["names"]), "means": means})

    def arm(self, title: str) -> Arm | None:
        """The chosen policy, named after what chose it: randaugment-grid:1,9 or best-free:flip-crop."""
        if self.chosen is None:
            return None
        (arm,) = fixed_arms([self.chosen])
        return Arm({}, arm.policy.model_copy(update={"name": titled(title, self.chosen)}))


def titled(title: str, chosen: str) -> str:
    """The name of what was chosen: the title, and the preset, or of RandAugment's its N and M alone.

    Example:
        >>> titled("best-free", "flip-crop"), titled("randaugment-grid", "randaugment:1,9")
        ('best-free:flip-crop', 'randaugment-grid:1,9')
    """
    base, _, numbers = chosen.partition(":")
    return f"{title}:{numbers if title.startswith(base) else chosen}"


def validation_choice(names: Sequence[str], rows: Sequence[Row]) -> ValidationChoice:
    """Choose among presets by their trials, whose reward is the validation accuracy.

    Only presets with as many trainings that ended well as any has can be chosen.
    """
    rewards = _rewards(names, rows)
    most = max(map(len, rewards), default=0)
    means = [float(np.mean(values)) if values else math.nan for values in rewards]
    whole = [i for i, values in enumerate(rewards) if len(values) == most > 0]
    chosen = names[max(whole, key=lambda i: means[i])] if whole else None
    keys = {arm.key for arm in fixed_arms(names)}
    trials = [row for row in rows if row.arm.key in keys]
    cpu = [float(row.outcome.metrics.get("cpu_seconds", 0)) for row in trials if row.state == COMPLETE]
    return ValidationChoice(
        tuple(names), tuple(means), chosen, len(trials), sum(row.seconds for row in trials), sum(cpu)
    )


def survivors(names: Sequence[str], rows: Sequence[Row], replicate: int) -> list[str]:
    """Those that go on after one network each: the best quarter, four at least, in the order of `names`."""
    rewards = _rewards(names, [row for row in rows if row.replicate == replicate])
    scores = [values[0] if values else -math.inf for values in rewards]
    best = np.argsort(-np.array(scores), kind="stable")[: survivor_count(len(names))]
    return [names[i] for i in sorted(best) if scores[i] > -math.inf]


def _rewards(names: Sequence[str], rows: Sequence[Row]) -> list[list[float]]:
    arms = fixed_arms(names)
    by_arm: dict[str, list[float]] = {arm.key: [] for arm in arms}
    for row in rows:
        if row.arm.key in by_arm and row.reward is not None:
            by_arm[row.arm.key].append(row.reward)
    return [by_arm[arm.key] for arm in arms]
