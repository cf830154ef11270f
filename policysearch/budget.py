"""A strategy as a source of trials, until its budget is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from policysearch.trials import Outcome, Trial

__all__ = ["Budgeted"]


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
