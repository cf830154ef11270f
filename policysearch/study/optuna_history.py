"""What a rule learns from the trials of an Optuna study.

Writes one attribute of a trial, and uses two of Optuna's internals for that: `study._storage`, `trial._trial_id`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from policysearch.rules import Choice, Counts, History, Log, counted
from policysearch.study.dead_trials import dead_trials
from policysearch.study.parameter_grid import Grid
from policysearch.study.trial_columns import TrialColumns

_RUNNING, _WAITING = int(TrialState.RUNNING), int(TrialState.WAITING)
_HUGE = 1e100  # the square of a larger value overflows in a sum
_FAR = 1e5  # times the range of all values: further from 0 than this, squares lose the differences of values

_DRAWS = "policysearch:draws"
"""Trial attribute [[names, probability], ...]: what was drawn together, for rules that give a probability."""


def history_of(
    columns: TrialColumns, grid: Grid, path: Mapping[str, Any], *, maximise: bool, budget: int = 0
) -> History:
    """What trials say about a grid's arms, among those with the parameters of `path`; the log in the order of ends."""
    arms = columns.column(("arm", grid.axes), grid.arms, np.int64)
    pulled = (arms >= 0) & (columns.states != _WAITING)
    for name, value in path.items():
        pulled &= columns.agree(name, value)
    places = columns.order[pulled[columns.order]]

    arms = arms[places]
    rewards = _comparable(_values(columns)[places] * (1 if maximise else -1))
    pending = (columns.states[places] == _RUNNING) & ~dead_trials(columns)[places]
    counts = _counts(columns, places, arms, rewards, pending, grid.size)
    done = np.isfinite(rewards)
    probabilities = columns.column(("probability", *grid.names), partial(_probabilities, {*grid.names}))[places]
    log = Log(arms[done], np.zeros(done.sum(), np.int64), rewards[done], probabilities[done])
    return History(**vars(counts), fidelities=(counts,), features=grid.features, budget=budget, log=log)


def _comparable(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rewards whose sums and squares hold their differences: huge or far from 0, they are brought to [-1, 1]."""
    done = rewards[np.isfinite(rewards)]
    if not len(done):
        return rewards
    largest = float(np.abs(done).max())
    if largest < _HUGE and not 0 < np.ptp(done) < largest / _FAR:
        return rewards
    shares = done / largest
    around = rewards / largest - np.median(shares)
    return np.asarray(around / (np.abs(shares - np.median(shares)).max() or 1.0))


def stretched(history: History) -> History:
    """The same with rewards from 0, the lowest, to 1, the highest."""
    rewards = history.log.rewards
    low, span = float(rewards.min()), float(np.ptp(rewards)) or 1.0
    sums = (history.sums - low * history.pulls) / span
    squares = (history.squares - 2 * low * history.sums + low**2 * history.pulls) / span**2
    log = replace(history.log, rewards=(rewards - low) / span)
    counts: dict[str, Any] = {"sums": np.clip(sums, 0, history.pulls), "squares": np.clip(squares, 0, history.pulls)}
    return replace(history, **counts, fidelities=tuple(replace(c, **counts) for c in history.fidelities), log=log)


def _counts(
    columns: TrialColumns,
    places: NDArray[np.int64],
    arms: NDArray[np.int64],
    rewards: NDArray[np.float64],
    pending: NDArray[np.bool_],
    size: int,
) -> Counts:
    def total(which: NDArray[np.bool_], values: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        return np.bincount(arms[which], None if values is None else values[which], size).astype(np.float64)

    done = np.isfinite(rewards)
    return Counts(
        pulls=total(done),
        sums=total(done, rewards),
        squares=total(done, rewards**2),
        pending=total(pending),
        failures=total(~done & ~pending),
        correct=total(done, columns.column("correct", partial(_counted, 0))[places]),
        judged=total(done, columns.column("judged", partial(_counted, 1))[places]),
    )


def _counted(which: int, trials: Sequence[FrozenTrial]) -> list[float]:
    return [counted(trial.user_attrs)[which] for trial in trials]


def _values(columns: TrialColumns) -> NDArray[np.float64]:
    """[T] the trials' values; nan where a trial has none."""

    def value(trial: FrozenTrial) -> float:
        ended = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        return trial.value if ended and trial.value is not None else math.nan

    return columns.column("value", lambda trials: [value(trial) for trial in trials])


def _probabilities(names: set[str], trials: Sequence[FrozenTrial]) -> list[float]:
    return [_probability(trial, names) for trial in trials]


def _probability(trial: FrozenTrial, names: set[str]) -> float:
    """With which exactly these parameters were drawn, one after another or together; nan where it is not known."""
    draws = [(set(drawn), p) for drawn, p in trial.system_attrs.get(_DRAWS, ()) if names.issuperset(drawn)]
    complete = names == set().union(*(drawn for drawn, _ in draws))
    return math.prod(p for _, p in draws) if complete else math.nan


def keep_probability(study: optuna.Study, trial: FrozenTrial, grid: Grid, choice: Choice) -> None:
    """Note on the trial with which probability the choice among a grid's points was drawn, if the rule says so."""
    if not math.isnan(choice.probability):
        storage, number = study._storage, trial._trial_id
        before = storage.get_trial_system_attrs(number).get(_DRAWS, [])
        storage.set_trial_system_attr(number, _DRAWS, [*before, [grid.names, float(choice.probability)]])
