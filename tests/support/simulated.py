"""Simulated bandit problems: searches by a rule against known arms, with pulls in flight."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from policysearch.rules import History, Pull, Rule, Tally

PRUNED = "pruned"
Draw = Callable[[int, int, np.random.Generator], float | str | None]
"""Arm, fidelity, generator -> reward, None for a failed pull, PRUNED for one that is stopped."""


@dataclass(frozen=True)
class Problem:
    """`arms` arms whose pulls `draw` rewards; `judged` images a pull, if rewards are accuracies to be counted."""

    arms: int
    draw: Draw
    fidelities: int = 1
    budget: int = 0
    judged: int = 0
    features: np.ndarray | None = None


def normal(means, deviation: float, **options) -> Problem:
    return Problem(len(means), lambda arm, _, rng: means[arm] + deviation * rng.standard_normal(), **options)


def bernoulli(means, **options) -> Problem:
    return Problem(len(means), lambda arm, _, rng: float(rng.random() < means[arm]), **options)


def play(rule: Rule, problem: Problem, pulls: int, seed: int, in_flight: int = 1) -> tuple[list[tuple], History]:
    """`pulls` choices as (arm, fidelity), and the history when all have ended; rewards come in order."""
    tally, waiting, choices = Tally(problem.fidelities), deque(), []
    keys, rewards = [str(i) for i in range(problem.arms)], np.random.default_rng([seed, 1])

    def finish() -> None:
        pull = waiting.popleft()
        reward = problem.draw(int(pull.key), pull.fidelity, rewards)
        if reward == PRUNED:
            tally.prune(pull)
            return
        right = problem.judged * reward if reward is not None else 0
        tally.finish(pull, reward, right, problem.judged)

    for t in range(pulls):
        if len(waiting) == in_flight:
            finish()
        seen = tally.history(keys, problem.features, problem.budget)
        choice = rule.choose(seen, np.random.default_rng([seed, 2, t]))
        waiting.append(Pull(keys[choice.arm], choice.fidelity, choice.probability))
        tally.start(waiting[-1])
        choices.append((choice.arm, choice.fidelity))
    while waiting:
        finish()
    return choices, tally.history(keys, problem.features, problem.budget)
