"""The strategy `by-class`: what to pull next, from the record alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import ClassVar

from policysearch.policy.spaces import Arm, Space
from policysearch.rules import Rule
from policysearch.study.by_class.phases import Stages, candidates_for, stages_of
from policysearch.study.by_class.settings import ByClassSettings
from policysearch.study.choices import ArmChoice
from policysearch.study.pull_history import PullHistory
from policysearch.study.rule_strategy import RuleStrategy


@dataclass(frozen=True)
class ByClassStrategy:
    """Search the policy of all classes, measure which classes it harms, and search parts of their own for these.

    Class-dependent augmentation: Balestriero, Bottou & LeCun 2022 ("The effects of regularization and data augmentation
    are class dependent") show that a policy which is best on average may be bad for some classes; Liu et al. 2023,
    equation 11, give classes ranges and curves of their own.

    1. A rule chooses the first `common` pulls, over the arms of the space.
    2. The best of these and the fixed policies are pulled on common replicates, so that it is known to which classes
       the best one does clearly worse than a fixed policy does (`class_effects`; where nothing differs, a class is
       named in at most 5 % of searches).
    3. The other pulls go to these classes in turn. For each the same rule chooses among the best policy with another
       one's part for that class alone. Without such classes, the common search goes on.

    Each stage begins when the one before has ended and depends on the record alone: a search that is resumed, or given
    more pulls, goes on alike.

    Attributes:
        settings: how pulls are spent; `common` is 1 or more.
        space: of the common search.
        budget: pulls of the whole search.
        arms: that the common search chooses from; None: all of the space.
        classes: names of the data's classes, which policies call them by; empty: by their indices.
    """

    settings: ByClassSettings
    space: Space
    budget: int
    arms: tuple[Arm, ...] | None = None
    classes: tuple[str, ...] = ()
    fidelities: ClassVar[bool] = False

    @cached_property
    def rule(self) -> Rule:
        """Of all stages."""
        return self.settings.make_rule()

    def for_classes(self, names: tuple[str, ...]) -> ByClassStrategy:
        """The same for data with these classes."""
        return replace(self, classes=names)

    def choose(self, history: PullHistory) -> ArmChoice | None:
        rows = history.rows
        if len(rows) < self.settings.common:
            return self._common(history, self.settings.common)
        stages = stages_of(rows, self.settings)
        if stages.running:
            return None
        if stages.harmed is None:
            arm, replicate = stages.measurements[len(rows) - self.settings.common]
            return ArmChoice(arm, replicate=replicate)
        searches = self._searches(history, stages)
        if not searches:
            return self._common(history, self.budget)
        share = ceil((self.budget - stages.begin) / len(searches))
        arms = searches[(len(rows) - stages.begin) % len(searches)]
        return RuleStrategy(self.rule, arms, share).choose(history)

    def _common(self, history: PullHistory, budget: int) -> ArmChoice:
        """The next pull of the search for the policy of all classes."""
        arms = self.space.arms(history.seed) if self.arms is None else self.arms
        return RuleStrategy(self.rule, arms, budget).choose(history)

    def _searches(self, history: PullHistory, stages: Stages) -> list[tuple[Arm, ...]]:
        """The arms of each class that is searched."""
        before = history.rows[: stages.begin]
        assert stages.leader is not None or not stages.harmed
        of_classes = (
            candidates_for(before, stages.leader, index, self.classes, self.settings.parts)
            for index in stages.harmed or ()
            if stages.leader is not None
        )
        return [arms for arms in of_classes if arms]
