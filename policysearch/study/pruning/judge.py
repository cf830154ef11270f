"""A pruner at work: it is asked at every checkpoint, and the curves so far are shown to who watches the study."""

from __future__ import annotations

import logging
import time

from policysearch.core.trial import Curve, Trial
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.pruning.pruner import Pruner

_LOG = logging.getLogger(__name__)
_SECONDS = 2.0
"""Between two commits of curves: each takes some milliseconds, in which no worker gets an answer."""


class Judging:
    """The judge of a search's children.

    Args:
        store: the trials of the search.
        pruner: decides.
    """

    def __init__(self, store: OptunaTrialStore, pruner: Pruner) -> None:
        self._store = store
        self._pruner = pruner
        self._curves: dict[int, Curve] = {}
        self._next = 0.0

    def __call__(self, trial: Trial, curve: Curve) -> str:
        """Why a child is to stop, in words; empty if it goes on."""
        reason = self._pruner.reason(self._store, trial, curve)
        if reason:
            _LOG.info("trial %d is stopped: %s", trial.number, reason)
            self._curves.pop(trial.number, None)  # its outcome brings the curve
            return reason
        self._curves[trial.number] = curve
        self._show()
        return ""

    def _show(self) -> None:
        """Write the curves of children under way, if that was not done a moment ago."""
        if time.monotonic() < self._next:
            return
        under_way = {trial.number for trial in self._store.running()}
        self._store.report({number: curve for number, curve in self._curves.items() if number in under_way})
        self._curves.clear()
        self._next = time.monotonic() + _SECONDS
