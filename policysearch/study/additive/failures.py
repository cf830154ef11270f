"""What has only failed in a search, and is not pulled any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policysearch.policy.spaces import Arm
from policysearch.rules.history import MOST_FAILURES
from policysearch.study.additive.factors import Factors
from policysearch.study.rows import FAILED, Row


@dataclass(frozen=True)
class Failures:
    """The levels and the arms of which four pulls have failed and none has a reward.

    No reward speaks against them, so that a model which knows rewards alone would draw them again and again.

    Attributes:
        levels: of each factor one array [levels], true for those; none where that would leave no level.
        arms: their keys.
    """

    levels: tuple[NDArray[np.bool_], ...]
    arms: frozenset[str] = frozenset()

    def has(self, arm: Arm, levels: Sequence[int]) -> bool:
        """Whether an arm of these levels (-1: no say) is one of them, or has one of them."""
        of_levels = zip(self.levels, levels, strict=True)
        return arm.key in self.arms or any(level >= 0 and failing[level] for failing, level in of_levels)


def failures_of(factors: Factors, rows: Sequence[Row]) -> Failures:
    """The failures among the trials of a search.

    Args:
        factors: of its space.
        rows: its trials.
    """
    failed, rewarded = [np.zeros(size, int) for size in factors.sizes], [np.zeros(size, bool) for size in factors.sizes]
    of_arm: dict[str, int] = {}
    for row in rows:
        levels = factors.levels(row.arm)
        if levels is None or (row.reward is None and row.state != FAILED):
            continue
        for f, level in enumerate(levels.tolist()):
            if level >= 0 and row.reward is None:
                failed[f][level] += 1
            elif level >= 0:
                rewarded[f][level] = True
        if row.reward is None:
            of_arm[row.arm.key] = of_arm.get(row.arm.key, 0) + 1

    masks = [(count >= MOST_FAILURES) & ~seen for count, seen in zip(failed, rewarded, strict=True)]
    levels_left = tuple(np.zeros_like(mask) if mask.all() else mask for mask in masks)
    rewarded_arms = {row.arm.key for row in rows if row.reward is not None}
    arms = {key for key, count in of_arm.items() if count >= MOST_FAILURES and key not in rewarded_arms}
    return Failures(levels_left, frozenset(arms))
