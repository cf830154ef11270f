"""Running trials of a study whose process has died: nobody will ever end them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from optuna.trial import TrialState

from policysearch.study.trial_columns import TrialColumns

_RUNNING, _COMPLETE, _PRUNED = int(TrialState.RUNNING), int(TrialState.COMPLETE), int(TrialState.PRUNED)
_SHARE, _TIMES = 0.9, 3
_OVERTAKEN = 10


def dead_trials(columns: TrialColumns) -> NDArray[np.bool_]:
    """[T] which trials are running and taken for dead.

    Those that were overtaken by ten trials that began later and have ended, and that are by now three times as old as
    nine in ten trials became. Both are asked, since pulls of a millisecond are often late by a few.

    The record alone is read, no clock: what is taken for now is when the last trial began.
    """
    states, starts = columns.states, columns.starts
    dead = np.zeros(len(states), dtype=bool)
    running = np.flatnonzero(states == _RUNNING)
    if not len(running):
        return dead

    ended = (states == _COMPLETE) | (states == _PRUNED)
    later = starts[ended & (starts > starts[running].min())]  # than the trial that was overtaken most often
    if len(later) < _OVERTAKEN:
        return dead
    durations = columns.durations[ended]
    durations = durations[durations != 0]
    if not len(durations):
        return dead

    tenth_latest = np.partition(later, -_OVERTAKEN)[-_OVERTAKEN]
    limit = _TIMES * float(np.quantile(durations, _SHARE))
    dead[running] = (starts[running] < tenth_latest) & (starts.max() - starts[running] > limit)
    return dead
