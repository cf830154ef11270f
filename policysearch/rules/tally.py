"""Counts that grow pull by pull and are handed to rules as a `History`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.rules.history import Counts, History, Log
from policysearch.stats.arrays import Floats

_PULLS, _SUMS, _SQUARES, _PENDING, _FAILURES, _CORRECT, _JUDGED, _PRUNED = range(8)
_LOGGED = [("arm", np.int64), ("fidelity", np.int64), ("reward", np.float64), ("probability", np.float64)]


@dataclass(frozen=True)
class Pull:
    """What is tallied of one pull: its arm's key, its fidelity's index, the probability it was drawn with."""

    key: str
    fidelity: int = 0
    probability: float = float("nan")


class Tally:
    """Counts by arm key and fidelity.

    Args:
        fidelities: how many there are.

    Example:
        >>> tally = Tally()
        >>> for key, reward in [("flip", 0.75), ("rotate", 0.5), ("flip", 0.25), ("rotate", None)]:
        ...     tally.start(Pull(key))
        ...     tally.finish(Pull(key), reward)
        >>> tally.history(["flip", "rotate"]).means
        array([0.5, 0.5])
    """

    def __init__(self, fidelities: int = 1) -> None:
        self._columns: dict[str, int] = {}
        self._counts = np.zeros((fidelities, 8, 8))
        self._log = np.zeros(64, dtype=_LOGGED)
        self._logged_pulls = 0
        self._columns_by_keys: dict[tuple[str, ...], NDArray[np.int64]] = {}

    def start(self, pull: Pull) -> None:
        """Count a pull as under way."""
        self._at(pull)[_PENDING] += 1

    def finish(self, pull: Pull, reward: float | None, correct: float = 0.0, judged: float = 0.0) -> None:
        """Count a pull that has ended.

        Args:
            pull: as it was started.
            reward: None if it failed.
            correct, judged: validation images predicted right, and judged; 0 where nobody counted.
        """
        counts = self._at(pull)
        counts[_PENDING] -= 1
        if reward is None:
            counts[_FAILURES] += 1
            return
        counts[[_PULLS, _SUMS, _SQUARES, _CORRECT, _JUDGED]] += (1, reward, reward**2, correct, judged)
        if self._logged_pulls == len(self._log):
            self._log = np.concatenate([self._log, np.zeros_like(self._log)])
        self._log[self._logged_pulls] = (self._columns[pull.key], pull.fidelity, reward, pull.probability)
        self._logged_pulls += 1

    def prune(self, pull: Pull) -> None:
        """Count a pull that a pruner stopped.

        Args:
            pull: as it was started.
        """
        counts = self._at(pull)
        counts[_PENDING] -= 1
        counts[_PRUNED] += 1

    def started(self, key: str, fidelity: int = 0) -> int:
        """Pulls of every state of one arm at a fidelity."""
        return int(self._at(Pull(key, fidelity))[[_PULLS, _PENDING, _FAILURES, _PRUNED]].sum())

    def best(self) -> tuple[str, float] | None:
        """The key and mean of the arm with the best mean so far, at the highest fidelity that has a reward."""
        for counts in self._counts[::-1]:
            means = {key: counts[_SUMS, c] / counts[_PULLS, c] for key, c in self._columns.items() if counts[_PULLS, c]}
            if means:
                return max(means.items(), key=lambda item: item[1])
        return None

    def history(self, keys: Sequence[str], features: Floats | None = None, budget: int = 0) -> History:
        """The history of these arms, in this order; a copy.

        Args:
            keys: of the arms, K of them.
            features: [K, D] that describe the arms, for rules that need them.
            budget: pulls of the whole search, 0 where it is not known.
        """
        columns = self._columns_of(tuple(keys))
        counts = self._counts[:, :, columns]
        return History(
            **vars(Counts(*counts.sum(0))),
            fidelities=tuple(Counts(*at_fidelity) for at_fidelity in counts),
            features=features,
            budget=budget,
            log=self._logged(columns),
        )

    def _columns_of(self, keys: tuple[str, ...]) -> NDArray[np.int64]:
        if keys not in self._columns_by_keys:
            self._columns_by_keys[keys] = np.array([self._column(key) for key in keys], dtype=np.int64)
        return self._columns_by_keys[keys]

    def _logged(self, columns: NDArray[np.int64]) -> Log:
        entries = self._log[: self._logged_pulls]
        place = np.full(len(self._columns), -1)
        place[columns] = np.arange(len(columns))
        arms = place[entries["arm"]]

        if (arms < 0).any():
            entries, arms = entries[arms >= 0], arms[arms >= 0]
        return Log(arms, entries["fidelity"], entries["reward"], entries["probability"])

    def _at(self, pull: Pull) -> Floats:
        column = self._column(pull.key)
        return self._counts[pull.fidelity, :, column]

    def _column(self, key: str) -> int:
        column = self._columns.setdefault(key, len(self._columns))
        if column == self._counts.shape[2]:
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)], axis=2)
        return column


def counted(metrics: Mapping[str, Any]) -> tuple[float, float]:
    """Images predicted right and images judged, of an outcome's metrics; zeros where nobody counted."""
    correct, judged = metrics.get("correct"), metrics.get("validation_images")
    return (float(correct), float(judged)) if correct is not None and judged else (0.0, 0.0)
