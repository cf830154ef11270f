"""TODO docstring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from policysearch.core.trial import Outcome, Trial
from policysearch.policy.spaces import Arm
from policysearch.study.trial_store import Record

FRESH = 1_000_000
"""Replicates of a confirmation count from here, so that none was seen by the search."""


class Confirmation:
    """A source of trials: every finalist on the same fresh replicates; what is recorded already is not run again.

    Args:
        record: where they are written.
        arms: the finalists.
        replicates: how many, counted from `first`.
    """

    def __init__(self, record: Record, arms: Sequence[Arm], replicates: int, first: int = FRESH) -> None:
        self._record = record
        had = {(row.arm.key, row.replicate) for row in record.rows}
        pairs = [(arm, first + j) for j in range(replicates) for arm in arms]
        self._todo = [(arm, j) for arm, j in pairs if (arm.key, j) not in had]

    def __len__(self) -> int:
        """Trials still to be started."""
        return len(self._todo)

    def ask(self) -> Trial | None:
        return self._record.add(*self._todo.pop(0)) if self._todo else None

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        self._record.tell(trial, outcome)

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        return self._record.attempt_failed(trial, outcome)


@dataclass
class Budgeted:
    """The strategy is asked until the pulls that were started cost the budget.

    Attributes:
        record: where trials are written.
        strategy: what starts them.
        budget: in pulls at the cheapest fidelity.
        costs: of a pull at each fidelity, in the same unit; by default every pull costs 1.
    """

    record: Any
    strategy: Any
    budget: float
    costs: Sequence[float] = ()

    def __post_init__(self) -> None:
        self._spent = sum(self.cost(row) for row in self.record.rows)

    def cost(self, row: Any) -> float:
        """What a recorded pull costs."""
        return self.costs[row.fidelity] if self.costs else 1.0

    def ask(self) -> Trial | None:
        if self._spent >= self.budget:
            return None
        trial: Trial = self.strategy.ask(self.record)
        self._spent += self.cost(self.record.rows[trial.number])
        return trial

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        self.record.tell(trial, outcome)

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        again: Trial = self.record.attempt_failed(trial, outcome)
        return again
