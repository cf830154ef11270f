"""What trials say about a grid's arms, read from all of them anew: the way of version 0.1, for comparison."""

from __future__ import annotations

import math

import numpy as np
from optuna.trial import TrialState

from policysearch.rules import Counts, History, Log, counted
from policysearch.study.optuna_history import _comparable, _probability


def direct_dead(trials):
    ended = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    running = [trial for trial in trials if trial.state == TrialState.RUNNING]
    durations = [trial.duration.total_seconds() for trial in ended if trial.duration]
    if not durations or not running:
        return set()
    began = {trial.number: trial.datetime_start.timestamp() if trial.datetime_start else 0.0 for trial in trials}
    limit, now = 3 * float(np.quantile(durations, 0.9)), max(began.values())
    return {
        trial.number
        for trial in running
        if now - began[trial.number] > limit and sum(began[t.number] > began[trial.number] for t in ended) >= 10
    }


def direct_history(trials, grid, path, *, maximise):
    def reward(trial):
        ended = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        value = trial.value if ended and trial.value is not None else math.nan
        return value if maximise else -value

    def when_ended(trial):
        return (trial.datetime_complete.timestamp() if trial.datetime_complete else math.inf, trial.number)

    dead = direct_dead(trials)
    pulls = [trial for trial in trials if trial.state != TrialState.WAITING and path.items() <= trial.params.items()]
    pulls.sort(key=when_ended)
    arms = grid.arms(pulls) if pulls else np.zeros(0, np.int64)
    pulls = [trial for trial, arm in zip(pulls, arms, strict=True) if arm >= 0]
    arms = arms[arms >= 0]
    rewards = _comparable(np.array([reward(trial) for trial in pulls], dtype=float))
    pending = np.array([t.state == TrialState.RUNNING and t.number not in dead for t in pulls], dtype=bool)
    done = np.isfinite(rewards)
    correct, judged = np.array([counted(trial.user_attrs) for trial in pulls]).reshape(-1, 2).T

    def total(which, values=None):
        return np.bincount(arms[which], None if values is None else values[which], grid.size).astype(float)

    counts = Counts(
        pulls=total(done),
        sums=total(done, rewards),
        squares=total(done, rewards**2),
        pending=total(pending),
        failures=total(~done & ~pending),
        correct=total(done, correct),
        judged=total(done, judged),
    )
    probabilities = np.array([_probability(trial, set(grid.names)) for trial in pulls], dtype=float)
    log = Log(arms[done], np.zeros(done.sum(), np.int64), rewards[done], probabilities[done])
    return History(**vars(counts), fidelities=(counts,), features=grid.features, log=log)
