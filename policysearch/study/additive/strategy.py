"""The strategy `additive`: fixed points, a screening design, then Thompson sampling of an additive model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from policysearch.core.seeds import rule_generator
from policysearch.policy.spaces import Arm, Space
from policysearch.study.additive.arm_pool import ArmPool
from policysearch.study.additive.factors import Factors, factors_of
from policysearch.study.additive.failures import failures_of
from policysearch.study.additive.model import AdditiveModel, Observations, fitted
from policysearch.study.additive.replicates import next_replicate
from policysearch.study.additive.settings import AdditiveSettings
from policysearch.study.choices import ArmChoice
from policysearch.study.pull_history import PullHistory
from policysearch.study.rows import Row

_LAST = 5
"""One pull in so many, at the end, is of what the model's mean thinks best."""
_DESIGN = 1  # keeps the design's generator apart from those of the pulls


@dataclass(frozen=True)
class AdditiveStrategy:
    """Pull what is free, then a design that tells the factors apart, then what a draw of the model thinks best.

    The first pulls are the space's points, once each; then come the runs of the screening design, up to the share of
    the budget that the settings say; then Thompson sampling: effects are drawn from the posterior of the additive
    model (Thompson 1933; Russo et al. 2018, section 4), and the assignment that is best under them is pulled. The last
    fifth of the pulls takes the assignments that are best under the posterior mean, so that they are measured.

    Pull t is of replicate t mod `replicates`, so that no effect is that of one subset of the images; the model has an
    effect for each replicate. An arm that was pulled there is pulled on the next on which it was not. Levels and arms
    that have only failed are not pulled any more, see `Failures`. What is chosen depends on the record alone: several
    pulls may be under way.

    Attributes:
        settings: its constants.
        pool: of the arms that can be pulled.
        budget: pulls of the whole search.
    """

    settings: AdditiveSettings
    pool: ArmPool
    budget: int
    fidelities: ClassVar[bool] = False
    _openings: dict[int, tuple[Arm, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def choose(self, history: PullHistory) -> ArmChoice:
        number = len(history.rows)
        opening = self._opening(history.seed)
        arm = opening[number] if number < len(opening) else self._best_by_model(history)
        return ArmChoice(arm, replicate=next_replicate(arm, history.rows, self.settings.replicates))

    def _opening(self, seed: int) -> tuple[Arm, ...]:
        """The free policies and the screening design, which the study's seed fixes."""
        if seed not in self._openings:
            points = self.pool.points
            runs = max(round(self.settings.screening * self.budget) - len(points), len(self.pool.factors.names) + 1)
            design = self.pool.screening(runs, rule_generator(seed, 0, _DESIGN))
            self._openings[seed] = (*points, *design)
        return self._openings[seed]

    def _best_by_model(self, history: PullHistory) -> Arm:
        """The best arm under a draw of the model; towards the end, the one that is best under its mean."""
        rng = rule_generator(history.seed, len(history.rows))
        model = self.model(history.rows)
        if model is None:
            return self.pool.random(rng)
        failures = failures_of(self.pool.factors, history.rows)
        if len(history.rows) >= self.budget - max(1, self.budget // _LAST):
            arm = self.pool.best(model, model.mean, rng, failures)
            if sum(row.arm.key == arm.key for row in history.rows) < self.settings.replicates:
                return arm
        return self.pool.best(model, model.draw(rng), rng, failures)

    def model(self, rows: Sequence[Row]) -> AdditiveModel | None:
        """The model of the pulls with a reward; None with fewer than two."""
        return model_of(self.pool.factors, rows, self.settings)


def model_of(factors: Factors, rows: Sequence[Row], settings: AdditiveSettings) -> AdditiveModel | None:
    """The model of the pulls with a reward whose arms are points of the factors; None with fewer than two."""
    observations = observed(factors, rows)
    if len(observations.rewards) < 2:
        return None
    return fitted(observations, factors.sizes, settings.interactions)


def observed(factors: Factors, rows: Sequence[Row]) -> Observations:
    """The pulls with a reward whose arms are points of the factors."""
    rewards = [(factors.levels(row.arm), row.replicate, row.reward) for row in rows if row.reward is not None]
    points = [(levels, replicate, reward) for levels, replicate, reward in rewards if levels is not None]
    return Observations(
        np.array([levels for levels, _, _ in points], np.int64).reshape(len(points), len(factors.names)),
        np.array([replicate for _, replicate, _ in points], np.int64),
        np.array([reward for _, _, reward in points], np.float64),
    )


def additive(
    settings: AdditiveSettings, space: Space, budget: int, arms: tuple[Arm, ...] | None = None
) -> AdditiveStrategy:
    """The strategy for a space and a number of pulls; `arms` are those that it chooses from, by default all.

    Raises:
        UserError: the space is no product of factors.
    """
    return AdditiveStrategy(settings, ArmPool(factors_of(space), arms), budget)
