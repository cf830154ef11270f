"""What a sampler keeps of a study between two asks: its trials as arrays, and the arms that its parameters give."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from policysearch.study.parameter_grid import Axis, Grid, axis
from policysearch.study.trial_columns import TrialColumns

_MOST_AXES, _MOST_GRIDS = 16, 256


class StudyMemory:
    """The trials of the study that was read last, and its axes and grids: the same objects each time.

    Of another study all is read anew. Nothing in it decides anything: without it the same would be chosen, later.

    Args:
        levels, max_arms: as for `policysearch.RuleSampler`.
    """

    def __init__(self, levels: int, max_arms: int) -> None:
        self._levels, self._max_arms = levels, max_arms
        self._lock = threading.Lock()
        self._occasion = (0, -1, -1)
        self._columns = TrialColumns()
        self._axes: dict[str, list[Axis]] = {}
        self._grids: dict[tuple[Axis, ...], Grid] = {}

    @contextmanager
    def trials(self, study: optuna.Study, trial: FrozenTrial, *, fresh: bool = True) -> Iterator[TrialColumns]:
        """The study's trials, for one thread at a time.

        Args:
            study: is read.
            trial: to which parameters are to be given.
            fresh: whether the study is read again where it was read for that trial last.
        """
        occasion = (id(study._storage), study._study_id, trial._trial_id)
        with self._lock:
            if fresh or self._occasion != occasion:
                self._columns.read(study.get_trials(deepcopy=False))
                self._occasion = occasion
            yield self._columns

    def axis(self, name: str, distribution: BaseDistribution) -> Axis:
        """The points of a parameter.

        Raises:
            UserError: as `policysearch.study.parameter_grid.axis`.
        """
        axes = self._axes.setdefault(name, [])
        for points in axes:
            if _interchangeable(points.distribution, distribution):
                return points
        points = axis(name, distribution, self._levels, self._max_arms)
        self._axes[name] = [*axes, points][-_MOST_AXES:]
        return points

    def grid(self, axes: tuple[Axis, ...]) -> Grid:
        """The product of axes."""
        grid = self._grids.get(axes)
        if grid is None:
            if len(self._grids) >= _MOST_GRIDS:
                self._grids.clear()
            grid = self._grids[axes] = Grid(axes)
        return grid


def _interchangeable(one: BaseDistribution, other: BaseDistribution) -> bool:
    """Whether two distributions have the same values of the same types; 1 and True are equal, and not the same."""
    return one is other or (one == other and repr(one) == repr(other))
