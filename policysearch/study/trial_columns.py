"""The trials of an Optuna study as arrays that are kept from ask to ask, so that an ask reads what has changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from policysearch.stats.arrays import Floats

_BLOCK = 1024
_MOST_COLUMNS = 512
_MISSING, _UNSEEN = -1, -2

Reader = Callable[[Sequence[FrozenTrial]], Any]
"""Gives a column's entries for some trials, one each."""


@dataclass
class _Column:
    """Entries by a trial's place, those beyond the trials unused; up to date until the change with this number."""

    values: NDArray[Any]
    change: int = 0


class TrialColumns:
    """What is read of trials, one array per question, with an entry per trial in the order of the study.

    Optuna's storages replace a trial that changes by another object. So one that is the same object as before is not
    read again, whoever wrote to the study; others are, also where trials are gone or in another place.

    Attributes:
        trials: as read last.
    """

    def __init__(self, trials: Sequence[FrozenTrial] = ()) -> None:
        self.trials: Sequence[FrozenTrial] = []
        self._change = 0
        self._latest = np.zeros(0, dtype=np.int64)
        self._changed_in = np.zeros(0, dtype=np.int64)
        self._columns: dict[Hashable, _Column] = {}
        self._codes: dict[str, _Codes] = {}
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.zeros(0, dtype=np.int64))
        self._common, self._common_in = _CommonParameters(), 0
        self._unfinished: set[int] = set()
        self.read(trials)

    def read(self, trials: Sequence[FrozenTrial]) -> None:
        """Take the trials of the study as they are now; the sequence is kept and must not change."""
        changed = self._changed(trials)
        if not len(changed) and len(trials) == len(self.trials):
            return
        self._change += 1
        self._changed_in = _of_length(self._changed_in, len(trials))
        self._changed_in[changed] = self._change
        self._latest, self.trials = changed, trials
        self._unfinished -= {place for place in self._unfinished if place >= len(trials)}
        self._unfinished -= {place for place in changed if trials[place].state.is_finished()}
        self._unfinished |= {place for place in changed if not trials[place].state.is_finished()}

    def _changed(self, trials: Sequence[FrozenTrial]) -> NDArray[np.int64]:
        """The places where another trial is now, or a new one."""
        both = min(len(self.trials), len(trials))
        # By identity: Optuna writes what it suggests into the object that it once gave away, also if it was replaced.
        changed = {place for place in self._unfinished if place < both and trials[place] is not self.trials[place]}
        for start in range(0, both, _BLOCK):
            end = min(start + _BLOCK, both)
            if not _same(self.trials[start:end], trials[start:end]):
                changed |= {place for place in range(start, end) if trials[place] is not self.trials[place]}
        return np.array([*sorted(changed), *range(both, len(trials))], dtype=np.int64)

    def column(self, key: Hashable, reader: Reader, dtype: type = np.float64) -> NDArray[Any]:
        """[T] the answers of a reader, which is asked about new and changed trials alone; not to be written to.

        Args:
            key: the same for the same reader.
            reader: answers for some trials; its answer depends on the trial alone.
            dtype: of the answers.
        """
        column = self._columns.pop(key, None) or _Column(np.zeros(0, dtype))
        places = self._changed_since(column.change)
        if len(places):
            column.values = _of_length(column.values, len(self.trials))
            column.values[places] = reader([self.trials[place] for place in places])
        column.change = self._change
        self._keep(key, column)
        return column.values[: len(self.trials)]

    def _keep(self, key: Hashable, column: _Column) -> None:
        """The column as the latest in use; the one that was not used for longest goes where there are too many."""
        self._columns[key] = column
        if len(self._columns) > _MOST_COLUMNS:
            del self._columns[next(iter(self._columns))]

    def _changed_since(self, change: int) -> NDArray[np.int64]:
        if change == self._change:
            return self._latest[:0]
        if change == self._change - 1:
            return self._latest
        return np.flatnonzero(self._changed_in[: len(self.trials)] > change)

    @property
    def states(self) -> NDArray[np.int8]:
        """[T] the trials' states, as numbers of `optuna.trial.TrialState`."""
        return self.column("state", lambda trials: [int(trial.state) for trial in trials], np.int8)

    @property
    def starts(self) -> Floats:
        """[T] when trials began, in seconds; 0 for those that have not."""
        return self.column("start", lambda trials: [_seconds(trial.datetime_start, 0.0) for trial in trials])

    @property
    def ends(self) -> Floats:
        """[T] when trials ended, in seconds; infinite for those that have not."""
        return self.column("end", lambda trials: [_seconds(trial.datetime_complete, np.inf) for trial in trials])

    @property
    def durations(self) -> Floats:
        """[T] how long trials took, in seconds; 0 for those that have not ended."""

        def read(trials: Sequence[FrozenTrial]) -> list[float]:
            return [trial.duration.total_seconds() if trial.duration else 0.0 for trial in trials]

        return self.column("duration", read)

    @property
    def order(self) -> NDArray[np.int64]:
        """[T] the trials' places in the order in which they ended; those that have not come last."""
        if self._order[0] != self._change:
            self._order = (self._change, np.argsort(self.ends, kind="stable"))
        return self._order[1]

    def agree(self, name: str, value: Any) -> NDArray[np.bool_]:
        """[T] whether a trial has this value of a parameter."""
        codes = self._codes.setdefault(name, _Codes(name))
        column = self.column(("codes", name), codes.of_trials, np.int32)
        return np.asarray(column == codes.code(value))

    @property
    def common(self) -> dict[str, BaseDistribution]:
        """The parameters that all completed trials have with equal distributions, by name.

        The same as `optuna.search_space.intersection_search_space`, which reads all trials each time.
        """
        places = self._changed_since(self._common_in)
        self._common_in = self._change
        if self._common.has_lost_one(places, len(self.trials)):
            self._common, places = _CommonParameters(), np.arange(len(self.trials))
        for place in places:
            self._common.add(int(place), self.trials[place])
        if not self._common.names:
            return {}
        latest = self.trials[self._common.latest].distributions
        return {name: latest[name] for name in sorted(self._common.names)}


class _Codes:
    """The values of one parameter by number, equal values by the same."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._codes: dict[Any, int] = {}
        self._without_hash: list[Any] = []

    def of_trials(self, trials: Sequence[FrozenTrial]) -> list[int]:
        """The number of each trial's value, given to new values; -1 where it has none."""
        return [self._noted(trial.params[self._name]) if self._name in trial.params else _MISSING for trial in trials]

    def code(self, value: Any) -> int:
        """The number of a value, -2 where no trial has it."""
        try:
            return self._codes.get(value, _UNSEEN)
        except TypeError:
            is_noted = value in self._without_hash
            return _UNSEEN - 1 - self._without_hash.index(value) if is_noted else _UNSEEN

    def _noted(self, value: Any) -> int:
        if self.code(value) == _UNSEEN:
            try:
                self._codes[value] = len(self._codes)
            except TypeError:
                self._without_hash.append(value)
        return self.code(value)


class _CommonParameters:
    """The parameters of all completed trials, narrowed trial by trial.

    Attributes:
        names: of those that all have with equal distributions.
        latest: the place of the last completed trial, -1 where there is none.
    """

    def __init__(self) -> None:
        self.latest = -1
        self._places: set[int] = set()
        self._distributions: dict[str, BaseDistribution] = {}

    @property
    def names(self) -> Collection[str]:
        return self._distributions.keys()

    def has_lost_one(self, changed: NDArray[np.int64], length: int) -> bool:
        """Whether a trial that was counted has changed, or lies beyond the length of the study."""
        return self.latest >= length or any(int(place) in self._places for place in changed)

    def add(self, place: int, trial: FrozenTrial) -> None:
        """Count a trial, if it is completed."""
        if trial.state != TrialState.COMPLETE:
            return
        first = not self._places
        self._places.add(place)
        self.latest = max(self.latest, place)
        before = trial.distributions if first else self._distributions
        self._distributions = {name: one for name, one in before.items() if trial.distributions.get(name) == one}


def _seconds(moment: Any, otherwise: float) -> float:
    return float(moment.timestamp()) if moment else otherwise


def _of_length(values: NDArray[Any], length: int) -> NDArray[Any]:
    """The array, or a longer one that begins with it, with room for as many entries again."""
    if len(values) >= length:
        return values
    longer = np.zeros(2 * length, values.dtype)
    longer[: len(values)] = values
    return longer


def _same(before: Sequence[FrozenTrial], now: Sequence[FrozenTrial]) -> bool:
    """Whether trials are equal, which Python sees at once where they are the same objects."""
    try:
        return bool(before == now)
    except Exception:  # attributes may hold what cannot be compared, such as arrays
        return False
