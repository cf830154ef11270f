"""What every pruner does."""

from __future__ import annotations

from typing import Protocol

from policysearch.core.trial import Curve, Trial
from policysearch.study.optuna_store import OptunaTrialStore


class Pruner(Protocol):
    """Says at a checkpoint whether a child is worth finishing. It decides from the record and the child's curve alone.

    So a search that is resumed stops the same children as one that was not interrupted, as long as one child is trained
    at a time.
    """

    def reason(self, store: OptunaTrialStore, trial: Trial, curve: Curve) -> str:
        """Why a child is to stop, in words; empty if it goes on.

        Args:
            store: the trials of the search; only those that have ended are looked at.
            trial: that is trained.
            curve: of its child so far.
        """
