"""The confirmation on fresh common replicates, and what may be said after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policysearch.presets import preset
from policysearch.record import COMPLETE, Record, Row
from policysearch.spaces import Arm
from policysearch.summary import REFERENCES
from policysearch.trials import Outcome, Trial

__all__ = ["Confirmation", "Difference", "Verdict", "judge"]

FRESH = 1_000_000
"""Replicates of a confirmation count from here, so that none was seen by the search."""


class Confirmation:
    """A source of trials: every finalist on the same fresh replicates; what is recorded already is not run again."""

    def __init__(self, record: Record, arms: Sequence[Arm], replicates: int) -> None:
        self._record = record
        had = {(row.arm.key, row.replicate) for row in record.rows}
        pairs = [(arm, FRESH + j) for j in range(replicates) for arm in arms]
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


@dataclass(frozen=True)
class Difference:
    """Paired over common replicates: mean and standard error of the winner's reward minus the other's, and n."""

    mean: float
    error: float
    n: int

    def __str__(self) -> str:
        spread = f" ± {self.error:.4f}" if self.n > 1 else ""
        return f"{self.mean:+.4f}{spread} (n = {self.n} paired)"


@dataclass(frozen=True)
class Verdict:
    """The arm chosen, whether it was confirmed, and its differences to the reference policies."""

    winner: Arm
    confirmed: bool
    differences: dict[str, Difference]
    sentence: str


def judge(fallback: Arm, arms: Sequence[Arm], rows: Sequence[Row]) -> Verdict:
    """Choose among the finalists by their mean over the replicates that all of them finished.

    Args:
        fallback: the arm to name if nothing was confirmed.
        arms: the finalists.
        rows: the confirmation's rows.
    """
    rewards = {arm.key: _by_replicate(arm, rows) for arm in arms}
    tested = [arm for arm in arms if rewards[arm.key]]
    common = set.intersection(*(set(rewards[arm.key]) for arm in tested)) if tested else set()
    if not common:
        text = f"{fallback.policy.name} has the best shrunken mean; it was not confirmed on fresh replicates"
        return Verdict(fallback, False, {}, text)
    winner = max(tested, key=lambda arm: np.mean([rewards[arm.key][j] for j in sorted(common)]))
    others = {name: preset(name).hash for name in REFERENCES}
    differences = {
        name: _paired(rewards[winner.key], rewards[key])
        for name, key in others.items()
        if key != winner.key and rewards.get(key)
    }
    return Verdict(winner, True, differences, _sentence(winner, differences))


def _by_replicate(arm: Arm, rows: Sequence[Row]) -> dict[int, float]:
    own = (row for row in rows if row.arm.key == arm.key and row.state == COMPLETE)
    return {row.replicate: float(row.reward) for row in own if row.reward is not None}


def _paired(ours: dict[int, float], theirs: dict[int, float]) -> Difference:
    gaps = np.array([ours[j] - theirs[j] for j in sorted(ours.keys() & theirs.keys())])
    error = float(gaps.std(ddof=1) / np.sqrt(len(gaps))) if len(gaps) > 1 else float("nan")
    return Difference(float(gaps.mean()) if len(gaps) else float("nan"), error, len(gaps))


def _sentence(winner: Arm, differences: dict[str, Difference]) -> str:
    name = winner.policy.name
    if winner.policy == preset("trivialaugment-wide"):
        gain = differences.get("identity", "not measured")
        return f"TrivialAugment (wide) wins: use it, it costs no search. Against identity: {gain}"
    if winner.policy == preset("identity"):
        return "no augmentation wins: nothing in this space helps these pulls"
    parts = [f"against {other} {difference}" for other, difference in differences.items()]
    trivial = differences.get("trivialaugment-wide")
    doubt = ""
    if trivial is not None and (trivial.n < 2 or trivial.mean < 2 * trivial.error):
        doubt = "; its lead over TrivialAugment is within twice the standard error and may be chance"
    return f"{name} wins: {', '.join(parts) or 'no reference finished'}{doubt}"
