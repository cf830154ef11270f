"""The strategy `by-factor`: fixed points, then a level of every factor, each chosen by a rule of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from policysearch.core.seeds import rule_generator
from policysearch.policy.spaces import Arm, Space
from policysearch.rules import Pull, Rule, Tally
from policysearch.rules.tally import counted
from policysearch.study.additive.arm_pool import ArmPool
from policysearch.study.additive.factors import factors_of
from policysearch.study.additive.model import fit_of
from policysearch.study.additive.replicates import next_replicate
from policysearch.study.additive.strategy import observed
from policysearch.study.by_factor.settings import NAME, ByFactorSettings
from policysearch.study.choices import ArmChoice
from policysearch.study.pull_history import PullHistory
from policysearch.study.rows import PRUNED, RUNNING, Row


@dataclass(frozen=True)
class ByFactorStrategy:
    """Pull what is free, then the assignment whose levels the rules of the factors choose.

    One bandit per factor, whose arms are its levels (factored bandits: Zimmert & Seldin 2018; the naive assumption of
    combinatorial bandits: Ontañón 2013). A rule that knows arms alone so searches a product of factors without listing
    it. What the other factors and the replicate do to a pull is noise to a factor, and where two factors happen to move
    together their levels cannot be told apart: so the rewards that a factor's rule sees are those of its pulls less
    what a linear model of all pulls gives to the others.

    The first pulls are the space's points, once each. Pull t is of replicate t mod `replicates`, or of the next on
    which its arm has not been pulled. A factor without a say in a pull learns nothing from it. What is chosen depends
    on the record alone.

    Attributes:
        settings: its constants.
        pool: of the arms that can be pulled.
        budget: pulls of the whole search.
    """

    settings: ByFactorSettings
    pool: ArmPool
    budget: int
    fidelities: ClassVar[bool] = False

    @cached_property
    def rule(self) -> Rule:
        """Of every factor."""
        return self.settings.make_rule()

    def choose(self, history: PullHistory) -> ArmChoice:
        number, points = len(history.rows), self.pool.points
        arm = points[number] if number < len(points) else self._composed(history)
        return ArmChoice(arm, replicate=next_replicate(arm, history.rows, self.settings.replicates))

    def _composed(self, history: PullHistory) -> Arm:
        number = len(history.rows)
        levels = []
        for f, tally in enumerate(self._tallies(history.rows)):
            counts = tally.history([str(level) for level in range(self.pool.factors.sizes[f])], budget=self.budget)
            levels.append(self.rule.choose(counts, rule_generator(history.seed, number, f)).arm)
        return self.pool.nearest(levels, rule_generator(history.seed, number))

    def _tallies(self, rows: Sequence[Row]) -> list[Tally]:
        """What each factor's levels have brought so far."""
        factors = self.pool.factors
        levels = [factors.levels(row.arm) for row in rows]
        points = [(row, of_row.tolist()) for row, of_row in zip(rows, levels, strict=True) if of_row is not None]
        observations = observed(factors, rows)
        fit = fit_of(observations, factors.sizes, 0) if len(observations.rewards) > 1 else None
        return [
            _tally(points, f, iter(fit.rewards_of(f) if fit else observations.rewards))
            for f in range(len(factors.sizes))
        ]


def _tally(points: Sequence[tuple[Row, Sequence[int]]], factor: int, rewards: Iterator[float]) -> Tally:
    """The pulls of one factor's levels; `rewards` are those of the rows that have one, in their order."""
    tally = Tally()
    for row, levels in points:
        reward = next(rewards) if row.reward is not None else None
        if levels[factor] >= 0:
            _enter(tally, row, reward, Pull(str(levels[factor]), probability=row.probability))
    return tally


def _enter(tally: Tally, row: Row, reward: float | None, pull: Pull) -> None:
    tally.start(pull)
    if row.state == PRUNED:
        tally.prune(pull)
    elif row.state != RUNNING:
        tally.finish(pull, reward, *counted(row.outcome.metrics))


def by_factor(
    settings: ByFactorSettings, space: Space, budget: int, arms: tuple[Arm, ...] | None = None
) -> ByFactorStrategy:
    """The strategy for a space and a number of pulls; `arms` are those that it chooses from, by default all.

    Raises:
        UserError: the space is no product of factors.
    """
    return ByFactorStrategy(settings, ArmPool(factors_of(space, f"strategy {NAME}"), arms), budget)
