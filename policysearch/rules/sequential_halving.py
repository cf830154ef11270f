"""Sequential halving: a budget spent in rounds, each on half as many arms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.rules.history import Choice, History, Need, Rule, argmax


@dataclass(frozen=True)
class SequentialHalving(Rule):
    """Sequential halving (Karnin, Koren & Somekh 2013, algorithm 1).

    ceil(log2 K) rounds share the budget T evenly; a round pulls each of its S arms floor(T/(S·ceil(log2 K))) times,
    then the better half, ceil(S/2), goes on. What rounding leaves over goes to the rounds that follow; a round
    pulls each arm at least once, so that a budget below K·ceil(log2 K) is spent on the first rounds. Beyond the budget
    the arms of the last round are pulled on.

    Round and survivors are recomputed from the counts: an arm with more turns than a round allows has survived it,
    the others by the mean of all their rewards (the paper: those of the round alone), ties at random. A round
    begins when the pulls of the one before were started; its best arms come first, so that late rewards still count.

    Theorem 4.1 bounds the chance of missing the best arm by 3 log2 K · exp(-T/(8 H2 log2 K)) for rewards in
    [0, 1], and needs the rounds to wait for their rewards.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"budget"})

    def choose(self, history: History, rng: np.random.Generator) -> Choice:
        if history.budget <= 0:
            raise UserError("sequential-halving needs the budget of the search in pulls, got none")
        survivors = np.arange(history.arms)
        for size, target in rounds(history.arms, history.budget):
            survivors = _best(survivors, size, target, history, rng)
            turns = np.where(history.abandoned, np.inf, history.turns)[survivors]
            if turns.min() < target[1]:
                break
        behind = survivors[turns == turns.min()]
        return Choice(int(behind[argmax(history.means[behind], rng)]))


def _best(
    arms: NDArray[np.intp], size: int, target: tuple[int, int], history: History, rng: np.random.Generator
) -> NDArray[np.intp]:
    """The `size` of `arms` that survive: those with turns beyond the last round's, then those of the best means."""
    ahead = (history.turns > target[0])[arms] & ~history.abandoned[arms]
    order = np.lexsort((rng.random(len(arms)), -history.means[arms], ~ahead))
    return arms[order[:size]]


def rounds(arms: int, budget: int) -> list[tuple[int, tuple[int, int]]]:
    """The schedule: the number of arms in each round, and the pulls per arm when it begins and ends."""
    count = max(int(np.ceil(np.log2(arms))), 1)
    left, begin = budget, 0
    schedule = []
    for done in range(count):
        per_arm = max(left // (arms * (count - done)), 1)
        schedule.append((arms, (begin, begin + per_arm)))
        left = max(left - per_arm * arms, 0)
        begin += per_arm
        arms = (arms + 1) // 2
    return schedule
