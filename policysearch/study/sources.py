"""Where the controller's trials come from: a strategy until its budget is used, or fixed arms on fresh replicates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from policysearch.child.checkpoint_store import CheckpointStore
from policysearch.core.trial import Outcome, Trial
from policysearch.policy.spaces import Arm
from policysearch.study.controller import Source
from policysearch.study.rows import Row
from policysearch.study.strategies import Strategy
from policysearch.study.trial_store import TrialStore

FRESH = 1_000_000
"""Replicates of a confirmation count from here, so that none was seen by the search."""
ABLATION = 2_000_000
"""Those of an ablation count from here, so that none took part in the choice of the winner."""

Store = TypeVar("Store", bound=TrialStore)


class StoreSource(Generic[Store]):
    """A source of trials that records in a store how they end. Subclasses say which trial is next (`ask`)."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        self.store.tell(trial, outcome)

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        return self.store.attempt_failed(trial, outcome)


class Releasing:
    """A source that removes checkpoints which nothing can need once a trial's end is recorded.

    These are its own (a worker removes those of its trials, but one that was killed at its last attempt cannot) and,
    where a child is continued once at most, the one that it began with.

    Args:
        source: of the trials.
        checkpoints: of the search.
        continued_once: whether no child is continued by two trials.
    """

    def __init__(self, source: Source, checkpoints: CheckpointStore, *, continued_once: bool = False) -> None:
        self._source = source
        self._checkpoints = checkpoints
        self._continued_once = continued_once

    def ask(self) -> Trial | None:
        return self._source.ask()

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        self._source.tell(trial, outcome)
        self._checkpoints.release(trial)
        if self._continued_once and trial.checkpoint and not outcome.error:
            self._checkpoints.drop(trial.checkpoint)

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        return self._source.attempt_failed(trial, outcome)


class Budgeted(StoreSource[TrialStore]):
    """Asks a strategy until the pulls that were started cost the budget.

    Args:
        store: where trials are written; what it holds already counts.
        strategy: chooses the next pull.
        budget: in pulls at the cheapest fidelity.
        costs: of a pull at each fidelity, in the same unit; by default every pull costs 1.
    """

    def __init__(self, store: TrialStore, strategy: Strategy, budget: float, costs: Sequence[float] = ()) -> None:
        super().__init__(store)
        self._strategy = strategy
        self._budget = budget
        self._costs = tuple(costs)
        self._spent = sum(self.cost(row) for row in store.rows)

    def cost(self, row: Row) -> float:
        """What a recorded pull costs; of one that continues a child, what it adds to it."""
        if not self._costs:
            return 1.0
        before = 0.0 if row.parent is None else self._costs[self.store.rows[row.parent].fidelity]
        return self._costs[row.fidelity] - before

    def ask(self) -> Trial | None:
        choice = self._strategy.choose(self.store) if self._spent < self._budget else None
        if choice is None:
            return None
        trial = self.store.start(choice)
        self._spent += self.cost(self.store.rows[trial.number])
        return trial


class Confirmation(StoreSource[TrialStore]):
    """Every finalist on the same fresh replicates; what is recorded already is not run again.

    Args:
        store: where trials are written.
        arms: the finalists.
        replicates: how many, counted from `first`.
        first: the first replicate.
    """

    def __init__(self, store: TrialStore, arms: Sequence[Arm], replicates: int, first: int = FRESH) -> None:
        super().__init__(store)
        recorded = {(row.arm.key, row.replicate) for row in store.rows}
        pulls = [(arm, replicate) for replicate in range(first, first + replicates) for arm in arms]
        self._todo = [(arm, replicate) for arm, replicate in pulls if (arm.key, replicate) not in recorded]

    def __len__(self) -> int:
        """Trials still to be started."""
        return len(self._todo)

    def ask(self) -> Trial | None:
        return self.store.add(*self._todo.pop(0)) if self._todo else None
