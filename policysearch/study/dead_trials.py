"""Running trials of a study whose process has died: nobody will ever end them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from optuna.trial import FrozenTrial, TrialState

_SHARE, _TIMES = 0.9, 3
_OVERTAKEN = 10


def dead_trials(trials: Sequence[FrozenTrial]) -> frozenset[int]:
    """Numbers of the running trials that are taken for dead.

    Those that were overtaken by ten trials that began later and have ended, and that are by now three times as old as
    nine in ten trials became. Both are asked, since pulls of a millisecond are often late by a few.

    The record alone is read, no clock: what is taken for now is when the last trial began.
    """
    ended = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    running = [trial for trial in trials if trial.state == TrialState.RUNNING]
    durations = [trial.duration.total_seconds() for trial in ended if trial.duration]
    if not durations or not running:
        return frozenset()

    limit = _TIMES * float(np.quantile(durations, _SHARE))
    now = max(_start(trial) for trial in trials)
    starts = np.array([_start(trial) for trial in ended])
    return frozenset(
        trial.number
        for trial in running
        if now - _start(trial) > limit and (starts > _start(trial)).sum() >= _OVERTAKEN
    )


def _start(trial: FrozenTrial) -> float:
    """Seconds; of a trial that has not begun, before all others."""
    began: datetime | None = trial.datetime_start
    return began.timestamp() if began else 0.0
