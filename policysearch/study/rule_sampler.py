"""RuleSampler: any bandit rule as an Optuna sampler, in anybody's study."""

from __future__ import annotations

import math
import secrets
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from policysearch.core.errors import UserError
from policysearch.core.seeds import rule_generator
from policysearch.rules import History, Rule
from policysearch.rules.registry import CheckedRule, parse_rule
from policysearch.study.optuna_history import history_of, keep_probability, stretched
from policysearch.study.parameter_grid import Axis, Grid
from policysearch.study.study_memory import StudyMemory

Answer = Callable[[History, np.random.Generator], Any]


class RuleSampler(BaseSampler):
    """A bandit rule as an Optuna sampler of one objective, in either direction.

    The arms are the grid of all parameters that every completed trial had with one and the same
    distribution (`optuna.search_space.intersection_search_space`): categories, steps, or `levels` evenly
    spaced points of a range without steps. Over one parameter this is the rule itself. Until a trial has
    completed, for parameters that only some trials have, and where the grid has more than `max_arms`
    points, each parameter is a bandit of its own among the trials that agree with what this trial
    has so far: a tree of bandits, which needs no enumeration.

    Every choice depends on the study's trials, the seed and the trial's number, so that a fresh sampler with the same
    seed, a copy, or one in another process goes on as the old one would have. What was read of the trials is kept, and
    an ask reads those that are new or have changed, whoever wrote them. Running trials
    are pending pulls, or failures once they are far older than trials become; failed ones, and completed ones
    without a finite value, are failures; a pruned trial counts with its last reported value, or as a failure. An arm
    that has only failed is tried again, up to four times. Trials off the grid, and constraints, are ignored. What
    is minimised is negated. Rules for accuracies find counts of correct predictions in the user attributes
    `correct` and `validation_images` of a trial; without them values outside [0, 1] are stretched to it, and a warning
    says so.

    Args:
        rule: a name as `policysearch strategies` lists them, with parameters as in "ucb:c=0.5"; MODULE:FUNCTION or
            PATH.py:FUNCTION; a `policysearch.rules.Rule`; or a function (history, rng) -> index of an arm.
        seed: 0 or more; drawn if None, then found in the attribute `seed`.
        budget: trials that the study will have, for rules that plan with it; 0 where it is not known.
        levels: points of a parameter without steps, or with more steps than `max_arms`; 2 or more.
        max_arms: the largest joint grid, 2 or more.

    Raises:
        UserError: an argument out of range, a rule that is unknown or has several fidelities; when sampling,
            a study of several objectives, a range without ends, equal choices, tuples as choices in a database, or
            what the rule itself refuses.

    Example:
        >>> study = optuna.create_study(direction="maximize", sampler=RuleSampler("ucb", seed=0))
        >>> study.optimize(lambda trial: trial.suggest_categorical("x", [1, 2, 3]) / 3, n_trials=8)
        >>> study.best_params
        {'x': 3}

        With a rule of your own, here to pull every arm once and then the best mean:

        >>> def choose(history, rng):
        ...     untried = np.flatnonzero(history.turns == 0)
        ...     return rng.choice(untried) if len(untried) else np.argmax(history.means)
        >>> study = optuna.create_study(direction="minimize", sampler=RuleSampler(choose, seed=0))
        >>> study.optimize(lambda trial: trial.suggest_int("x", 0, 4) ** 2, n_trials=8)
        >>> [trial.params["x"] for trial in study.trials[5:]]
        [0, 0, 0]
    """

    def __init__(
        self,
        rule: str | Rule | Answer = "ucb",
        seed: int | None = None,
        *,
        budget: int = 0,
        levels: int = 8,
        max_arms: int = 4096,
    ) -> None:
        _check_at_least(0, seed=seed or 0, budget=budget)
        _check_at_least(2, levels=levels, max_arms=max_arms)
        self.rule = _checked(rule, budget)
        self.seed = secrets.randbits(32) if seed is None else seed
        self.budget = budget
        self.levels = levels
        self.max_arms = max_arms
        self._warned: set[str] = set()
        self._memory = StudyMemory(levels, max_arms)

    def __getstate__(self) -> dict[str, Any]:
        """Without what was read of the study: copies, also in other processes, read it anew."""
        return {name: value for name, value in vars(self).items() if name != "_memory"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._memory = StudyMemory(self.levels, self.max_arms)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that every completed trial had, by name; those of one value left out."""
        _check_one_objective(study)
        with self._memory.trials(study, trial) as columns:
            common = columns.common
        return {name: distribution for name, distribution in common.items() if not distribution.single()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """All of them at once, or the rest where some are fixed: values that were enqueued or drawn before stay."""
        fixed = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        values = {name: fixed[name] for name in search_space if name in fixed}
        free = [self._axis(name, search_space[name]) for name in search_space if name not in fixed]
        for axes in self._bandits(free):
            values |= self._draw(study, trial, self._memory.grid(axes), values, first=not values, fresh=False)
        return values

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """One parameter, given those that the trial already has."""
        _check_one_objective(study)
        _check_storable(study, param_name, param_distribution)
        path = {name: value for name, value in trial.params.items() if not trial.distributions[name].single()}
        first = not path and not self.infer_relative_search_space(study, trial)
        grid = self._memory.grid((self._axis(param_name, param_distribution),))
        return self._draw(study, trial, grid, path, first=first, fresh=bool(path))[param_name]

    def _axis(self, name: str, distribution: BaseDistribution) -> Axis:
        points = self._memory.axis(name, distribution)
        if points.missing:
            self._warn_once(
                f"parameter {name!r} has {len(points.points) + points.missing:,} values, more than max_arms "
                f"({self.max_arms}): its arms are {len(points.points)} of them, evenly spaced; a larger step, levels "
                "or max_arms changes that"
            )
        return points

    def _bandits(self, axes: Sequence[Axis]) -> list[tuple[Axis, ...]]:
        """The axes that are chosen together."""
        size = math.prod(len(axis.points) for axis in axes)
        if size <= self.max_arms:
            return [tuple(axes)] if axes else []
        self._warn_once(
            f"the grid of {', '.join(axis.name for axis in axes)} has {size:,} points, more than max_arms "
            f"({self.max_arms}): each parameter is chosen by itself, given those before it; fewer values, larger steps "
            "or a larger max_arms keep them together"
        )
        return [(axis,) for axis in axes]

    def _draw(
        self, study: optuna.Study, trial: FrozenTrial, grid: Grid, path: Mapping[str, Any], *, first: bool, fresh: bool
    ) -> dict[str, Any]:
        key = () if first else (zlib.crc32(",".join(grid.names).encode()),)
        maximise = study.direction == StudyDirection.MAXIMIZE
        with self._memory.trials(study, trial, fresh=fresh) as columns:
            history = history_of(columns, grid, path, maximise=maximise, budget=self.budget)
        choice = self.rule.choose(self._suitable(history), rule_generator(self.seed, trial.number, *key))
        keep_probability(study, trial, grid, choice)
        return grid.values(choice.arm)

    def _suitable(self, history: History) -> History:
        """The history with rewards that the rule takes."""
        rewards = history.log.rewards
        if not self.rule.accuracies or not len(rewards) or (rewards.min() >= 0 and rewards.max() <= 1):
            return history
        if (history.judged[history.pulls > 0] > 0).all():
            return history
        self._warn_once(
            "the rule takes values in [0, 1]: those of the study are stretched to that range, lowest to highest"
        )
        return stretched(history)

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            warnings.warn(text, UserWarning, stacklevel=2)


def _check_at_least(least: int, **arguments: int) -> None:
    for name, value in arguments.items():
        if value < least:
            raise UserError(f"RuleSampler's {name} must be {least} or more, got {value}")


def _check_one_objective(study: optuna.Study) -> None:
    if study._is_multi_objective():
        raise UserError(
            f"a RuleSampler maximises or minimises one value, but the study has {len(study.directions)}; give it one "
            "direction, or take a sampler such as NSGAIISampler"
        )


def _check_storable(study: optuna.Study, name: str, distribution: BaseDistribution) -> None:
    """Databases keep choices as JSON, and Optuna refuses the second trial of those that come back as others."""
    if isinstance(study._storage, InMemoryStorage) or not isinstance(distribution, CategoricalDistribution):
        return
    for choice in distribution.choices:
        if isinstance(choice, tuple):
            raise UserError(
                f"parameter {name!r} has the tuple {choice!r} as a choice, and a study in a database gets it back as "
                f"the list {list(choice)!r}, which is another: give each choice a name (a text) and look the value up"
            )


def _checked(rule: str | Rule | Answer, budget: int) -> CheckedRule:
    """The rule, refused where it needs what is not there."""
    checked = CheckedRule(parse_rule(rule) if isinstance(rule, str) else rule, f"rule {rule}")
    if "fidelities" in checked.needs:
        raise UserError(f"rule {rule} needs trials of several fidelities, but here they have one; take 'ucb'")
    if "budget" in checked.needs and not budget:
        raise UserError(f"rule {rule} needs to know how many trials there will be; give RuleSampler budget=60 or so")
    return checked
