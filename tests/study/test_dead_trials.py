"""Pulls that failed, gave no number, or were left by a process that died: no arm is lost for them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
import optuna
import pytest
from optuna.distributions import IntDistribution
from optuna.trial import FrozenTrial, TrialState

from policysearch import RuleSampler
from policysearch.rules import RULES
from policysearch.study.dead_trials import dead_trials
from policysearch.study.optuna_history import history_of
from policysearch.study.parameter_grid import Grid, axis
from policysearch.study.trial_columns import TrialColumns

NAMES = sorted(name for name, (_, rule) in RULES.items() if "fidelities" not in rule.needs)
NOON = datetime(2026, 11, 30, 12)
BEST, ARMS, TRIALS = 4, 8, 80


def trial(number: int, start: float, seconds: float | None = None, x: int = 0, **changes) -> FrozenTrial:
    """A trial that began `start` seconds after noon; it runs where it has no `seconds`."""
    began = NOON + timedelta(seconds=start)
    return FrozenTrial(
        number=number,
        state=changes.pop("state", TrialState.RUNNING if seconds is None else TrialState.COMPLETE),
        value=None if seconds is None else 0.5,
        datetime_start=began,
        datetime_complete=None if seconds is None else began + timedelta(seconds=seconds),
        params={"x": x},
        distributions={"x": IntDistribution(0, 1)},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=number,
    )


def overtaken(times: int, age: float) -> list[FrozenTrial]:
    """Trial 0 runs since noon; so many others of 10 s began after it and have ended, the last one begins at `age`."""
    others = [trial(1 + i, 1 + i, 10.0, x=1) for i in range(times)]
    return [trial(0, 0.0), *others, trial(times + 1, age)]


def numbers_of_dead(trials: list[FrozenTrial]) -> set[int]:
    return {trials[place].number for place in np.flatnonzero(dead_trials(TrialColumns(trials)))}


@pytest.mark.parametrize(
    ("times", "age", "dead"), [(10, 31.0, {0}), (9, 31.0, set()), (10, 29.0, set()), (0, 9999.0, set())]
)
def test_a_trial_is_dead_when_it_is_old_and_overtaken(times, age, dead):
    assert numbers_of_dead(overtaken(times, age)) == dead


def test_a_few_slow_pulls_do_not_hide_the_dead_ones():
    """One in twenty took an hour: nine in ten took 10 s."""
    trials = overtaken(20, 60.0)
    trials[5] = trial(5, 5, 3600.0)
    assert numbers_of_dead(trials) == {0}


def test_trials_that_were_added_with_their_result_say_nothing_about_how_long_one_takes():
    added = [trial(1 + i, 1 + i, 0.0) for i in range(20)]
    assert numbers_of_dead([trial(0, 0.0), *added, trial(21, 999.0)]) == set()


def test_a_dead_pull_is_a_failure_to_a_rule():
    grid = Grid((axis("x", IntDistribution(0, 1), 8, 100),))
    h = history_of(TrialColumns(overtaken(10, 31.0)), grid, {}, maximise=True)
    assert (h.pending.tolist(), h.failures.tolist(), h.pulls.tolist()) == ([1, 0], [1, 0], [0, 10])
    h = history_of(TrialColumns(overtaken(10, 29.0)), grid, {}, maximise=True)
    assert (h.pending.tolist(), h.failures.tolist()) == ([2, 0], [0, 0])


def pulls_of_the_best(name: str, ends: list[str]) -> int:
    """Pulls of the best of eight arms in a study of 80 trials; `ends` says what becomes of its first ones."""
    left = list(ends)
    study = optuna.create_study(direction="maximize", sampler=RuleSampler(name, seed=0, budget=TRIALS))
    for _ in range(TRIALS):
        pull = study.ask()
        x = pull.suggest_int("x", 0, ARMS - 1)
        end = left.pop(0) if x == BEST and left else "well"
        if end == "well":
            study.tell(pull, 0.8 if x == BEST else 0.3 + x / 50)
        elif end == "failed":
            study.tell(pull, state=TrialState.FAIL)
        elif end == "nan":
            study.tell(pull, math.nan)
    return sum(pull.params["x"] == BEST for pull in study.trials)


@pytest.mark.filterwarnings("ignore:The value nan is not acceptable")
@pytest.mark.parametrize("name", NAMES)
def test_the_best_arm_keeps_half_of_its_pulls(name):
    """Its first pull fails, the next gives no number, the third is left running."""
    assert pulls_of_the_best(name, ["failed", "nan", "dead"]) >= 0.5 * pulls_of_the_best(name, []) > 0


def test_dead_pulls_do_not_end_what_greedy_explores():
    study = optuna.create_study(direction="maximize", sampler=RuleSampler("greedy", seed=0))
    for _ in range(ARMS):
        study.add_trial(trial(0, 0.0, x=0))
    for _ in range(2 * ARMS):
        study.optimize(lambda pull: pull.suggest_int("x", 0, ARMS - 1) / ARMS, n_trials=1)
    assert study.best_params == {"x": ARMS - 1}
