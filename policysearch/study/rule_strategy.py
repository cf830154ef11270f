"""A bandit rule over a finite list of arms, as a strategy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from policysearch.core.seeds import rule_generator
from policysearch.policy.features import features
from policysearch.policy.spaces import Arm
from policysearch.rules import Rule
from policysearch.study.choices import ArmChoice
from policysearch.study.ladder import origin_of
from policysearch.study.pull_history import PullHistory


@dataclass(frozen=True)
class RuleStrategy:
    """A bandit rule over a finite list of arms, for a search of `budget` pulls.

    Attributes:
        rule: chooses arms and fidelities.
        arms: from which it chooses.
        budget: pulls of the whole search.
        continues: whether pulls above the cheapest fidelity go on with the child of the one below.
    """

    rule: Rule
    arms: tuple[Arm, ...]
    budget: int
    continues: bool = False

    @property
    def fidelities(self) -> bool:
        return "fidelities" in self.rule.needs

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return tuple(arm.key for arm in self.arms)

    @cached_property
    def _features(self) -> NDArray[np.float64] | None:
        return features([arm.policy for arm in self.arms]) if "features" in self.rule.needs else None

    def choose(self, history: PullHistory) -> ArmChoice:
        counts = history.tally.history(self._keys, self._features, self.budget)
        choice = self.rule.choose(counts, rule_generator(history.seed, len(history.rows)))
        arm = self.arms[choice.arm]
        if not self.continues or not choice.fidelity:
            return ArmChoice(arm, choice.fidelity, choice.probability)
        origin = origin_of(history.rows, arm.key, choice.fidelity)
        return ArmChoice(arm, choice.fidelity, choice.probability, origin.parent, origin.replicate)
