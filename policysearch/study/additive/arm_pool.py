"""The arms that `additive` can pull: every point of a space's factors, or those of a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.policy.spaces import Arm
from policysearch.stats.arrays import Floats
from policysearch.study.additive.design import screening, screening_among
from policysearch.study.additive.factors import Factors
from policysearch.study.additive.failures import Failures
from policysearch.study.additive.model import AdditiveModel

_STARTS = 12
_SWEEPS = 10


@dataclass(frozen=True)
class ArmPool:
    """Where the best arm under a model is looked for.

    Attributes:
        factors: of the space.
        arms: that can be pulled; None: every assignment of the factors.
    """

    factors: Factors
    arms: tuple[Arm, ...] | None = None

    def __post_init__(self) -> None:
        if self.arms is not None and len(self._listed[0]) < 2:
            raise UserError(
                f"this strategy adds up what factors bring, and {len(self._listed[0])} of {len(self.arms)} arms are "
                f"points of the factors of space {self.factors.space.name!r}: two are the fewest"
            )

    @property
    def points(self) -> tuple[Arm, ...]:
        """The space's points that can be pulled."""
        points = self.factors.space.points.values()
        if self.arms is None:
            return tuple(points)
        keys = {arm.key for arm in points}
        return tuple(arm for arm in self.arms if arm.key in keys)

    def screening(self, runs: int, rng: np.random.Generator) -> list[Arm]:
        """The arms of a screening design."""
        if self.arms is None:
            return [self.factors.arm(levels) for levels in screening(self.factors.sizes, runs, rng).tolist()]
        listed, levels = self._listed
        return [listed[i] for i in screening_among(levels, self.factors.sizes, runs, rng)]

    def random(self, rng: np.random.Generator) -> Arm:
        """Any arm."""
        if self.arms is not None:
            return self.arms[int(rng.integers(len(self.arms)))]
        return self.factors.arm([int(rng.integers(size)) for size in self.factors.sizes])

    def nearest(self, levels: Sequence[int], rng: np.random.Generator) -> Arm:
        """The arm of these levels; of a list, one that shares most of them, ties at random."""
        if self.arms is None:
            return self.factors.arm(levels)
        listed, levels_of_arms = self._listed
        shared = (levels_of_arms == self.factors.coded(levels)).sum(1)
        return listed[int(rng.choice(np.flatnonzero(shared == shared.max())))]

    def best(
        self, model: AdditiveModel, effects: Floats, rng: np.random.Generator, failures: Failures | None = None
    ) -> Arm:
        """The arm with the largest sum of effects.

        Args:
            model: says which columns an assignment has.
            effects: [D] of these columns.
            rng: draws where to begin, in a space whose assignments are not listed.
            failures: which are no choice, as long as there is another.
        """
        failures = failures or Failures(tuple(np.zeros(size, bool) for size in self.factors.sizes))
        if self.arms is not None:
            listed, levels = self._listed
            values = model.columns(levels) @ effects
            failed = np.array([failures.has(*pair) for pair in zip(listed, levels.tolist(), strict=True)])
            return listed[int(np.argmax(np.where(failed & ~failed.all(), -np.inf, values)))]
        starts = [[0] * len(self.factors.sizes)]
        starts += [[int(rng.integers(size)) for size in self.factors.sizes] for _ in range(_STARTS - 1)]
        ends = [self._climbed(model, effects, start, failures) for start in starts]
        ends.sort(key=lambda end: -end[0])
        arms = (self.factors.arm(levels) for _, levels in ends)
        return next((arm for arm in arms if arm.key not in failures.arms), self.factors.arm(ends[0][1]))

    def _climbed(
        self, model: AdditiveModel, effects: Floats, start: Sequence[int], failures: Failures
    ) -> tuple[float, list[int]]:
        """The value and the levels at the end of a coordinate ascent."""
        levels, value = list(start), -np.inf
        for _ in range(_SWEEPS):
            before = value
            for f, size in enumerate(self.factors.sizes):
                neighbours = [[*levels[:f], level, *levels[f + 1 :]] for level in range(size)]
                coded = np.array([self.factors.coded(neighbour) for neighbour in neighbours])
                values = np.where(failures.levels[f], -np.inf, model.columns(coded) @ effects)
                best = int(np.argmax(values))
                levels, value = neighbours[best], float(values[best])
            if value <= before + 1e-12:
                break
        return value, levels

    @cached_property
    def _listed(self) -> tuple[list[Arm], NDArray[np.int64]]:
        """The listed arms that are points of the factors, and their levels [M, F]."""
        pairs = [(arm, self.factors.levels(arm)) for arm in self.arms or ()]
        points = [(arm, levels) for arm, levels in pairs if levels is not None]
        return [arm for arm, _ in points], np.array([levels for _, levels in points], np.int64)
