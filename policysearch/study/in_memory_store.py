"""The record kept in memory alone: for replays, where a commit a trial would cost more than all the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from policysearch.core.trial import Outcome, Trial
from policysearch.policy.spaces import Arm
from policysearch.rules import Tally, counted
from policysearch.study.rewards import Reward
from policysearch.study.trial_store import COMPLETE, FAILED, Row, rewarded


class MemoryRecord:
    """Rows and tally as `policysearch.study.trial_store.Record` keeps them; a rule chooses alike on either.

    Trials name their arm by its key; their policy and seed are left empty.
    """

    def __init__(self, *, seed: int, fidelities: Sequence[tuple[int, int]], reward: Reward) -> None:
        self.seed = seed
        self.rows: list[Row] = []
        self.tally = Tally(len(fidelities))
        self._fidelities = tuple(fidelities)
        self._reward = reward

    def add(self, arm: Arm, replicate: int | None = None, fidelity: int = 0, probability: float = math.nan) -> Trial:
        """Start a pull of `arm`; the replicate is the arm's next at that fidelity unless given."""
        replicate = self.tally.started(arm.key, fidelity) if replicate is None else replicate
        row = Row(len(self.rows), arm, replicate, fidelity, probability)
        self.rows.append(row)
        self.tally.start(row.pull)
        return self._trial(row)

    def _trial(self, row: Row) -> Trial:
        fidelity = self._fidelities[row.fidelity]
        return Trial(row.number, row.arm.key, "", row.replicate, 0, *fidelity, attempt=len(row.failures))

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        """Keep a failed attempt; returns the next attempt of the same trial."""
        row = self.rows[trial.number]
        self.rows[trial.number] = replace(row, failures=(*row.failures, outcome))
        return self._trial(self.rows[trial.number])

    def tell(self, trial: Trial, outcome: Outcome) -> Row:
        """Keep how a trial ended."""
        reward, error = rewarded(self._reward, outcome)
        state = FAILED if reward is None else COMPLETE
        row = replace(self.rows[trial.number], state=state, reward=reward, outcome=replace(outcome, error=error))
        self.rows[trial.number] = row
        self.tally.finish(row.pull, reward, *counted(outcome.metrics))
        return row
