"""Trials in memory alone: for replays, where a commit per trial would cost more than everything else."""

from __future__ import annotations

import math

from policysearch.core.trial import Outcome, Trial
from policysearch.policy.spaces import Arm
from policysearch.study.rows import Row
from policysearch.study.trial_store import TrialStore


class InMemoryTrialStore(TrialStore):
    """A trial store that writes nothing. Its trials name their arm by its key; their policy and seed are empty."""

    def add(
        self,
        arm: Arm,
        replicate: int | None = None,
        fidelity: int = 0,
        probability: float = math.nan,
        parent: int | None = None,
    ) -> Trial:
        row = self._next_row(arm, replicate, fidelity, probability, parent)
        self._start(row)
        return self.trial(row)

    def trial(self, row: Row) -> Trial:
        size = self._fidelities[row.fidelity]
        return Trial(
            row.number,
            row.arm.key,
            "",
            row.replicate,
            0,
            *size,
            attempt=len(row.failures),
            parent=row.parent,
            begin=row.begin,
            checkpoint=row.checkpoint,
        )

    def tell(self, trial: Trial, outcome: Outcome) -> Row:
        return self._finish(trial.number, outcome)
