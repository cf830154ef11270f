"""Stop a child whose arm is shown to be behind the best one's on the replicates that both have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from policysearch.core.errors import UserError
from policysearch.core.trial import Curve, Trial
from policysearch.stats.arrays import Floats
from policysearch.stats.hopeless import behind_best
from policysearch.study.rewards import Reward
from policysearch.study.rows import COMPLETE, PRUNED, Row
from policysearch.study.trial_store import TrialStore

_ENDED = (COMPLETE, PRUNED)


@dataclass(frozen=True)
class PairedPruner:
    """A paired test against the best arm's same replicates at the same checkpoint (`stats.hopeless.behind_best`).

    Replicates share their first weights, images and order of batches, so that their differences say more than values
    of different children do. The test needs to know the noise: nothing is stopped before some arms were pulled twice.

    Attributes:
        reward: of a point of the learning curve.
        level: share of searches in which the arm that is truly best at its checkpoints may be stopped, in (0, 0.5].
        after: share of a pull's epochs before which nothing is stopped, in [0, 1): policies that augment much begin
            slowly.
        margin: by which an arm must be behind, in the reward's unit, 0 or more.
    """

    reward: Reward
    level: float = 0.05
    after: float = 0.5
    margin: float = 0.0

    def __post_init__(self) -> None:
        for name, fits, allowed in (
            ("level", 0 < self.level <= 0.5, "in (0, 0.5]"),
            ("after", 0 <= self.after < 1, "in [0, 1)"),
            ("margin", 0 <= self.margin < float("inf"), "0 or more"),
        ):
            if not fits:
                raise UserError(f"--prune paired: {name} must be {allowed}, got {getattr(self, name):g}")

    def reason(self, store: TrialStore, trial: Trial, curve: Curve) -> str:
        """Why a child is to stop, in words; empty if it goes on."""
        epoch = curve[-1]["epoch"]
        if epoch < self.after * trial.epochs:
            return ""
        values, keys = self._values(store, trial, curve)
        arm = keys.index(trial.arm)
        looks = self._looks(store, trial, curve)
        loss = behind_best(values, arm, trial.replicate, looks=looks, level=self.level, margin=self.margin)
        if loss is None or not loss.is_shown:
            return ""
        name = next(row.arm.name for row in store.rows if row.arm.key == keys[loss.rival])
        return (
            f"at epoch {epoch:.0f} of {trial.epochs} {-loss.difference:.4f} behind {name} on "
            f"{loss.replicates} common replicates (p = {loss.p:.2g})"
        )

    def _values(self, store: TrialStore, trial: Trial, curve: Curve) -> tuple[Floats, list[str]]:
        """[K, J] the rewards at the child's checkpoint, its own among them, and the keys of the K arms."""
        epoch = curve[-1]["epoch"]
        cells = {
            (row.arm.key, row.replicate): self.reward(point)
            for row in _comparable(store, trial)
            if store.size(row)[1] > epoch  # where a child ends, it may have been measured by a read-out
            for point in row.outcome.metrics.get("curve", ())
            if point["epoch"] == epoch
        }
        cells[trial.arm, trial.replicate] = self.reward(curve[-1])

        keys = list(dict.fromkeys(key for key, _ in cells))
        values = np.full((len(keys), 1 + max(replicate for _, replicate in cells)), np.nan)
        for (key, replicate), value in cells.items():
            values[keys.index(key), replicate] = value
        return values, keys

    def _looks(self, store: TrialStore, trial: Trial, curve: Curve) -> int:
        """How often the arm has been looked at, now included."""
        curves = [(trial.replicate, trial.epochs, curve)]
        for row in _comparable(store, trial):
            if row.arm.key == trial.arm:
                curves.append((row.replicate, store.size(row)[1], row.outcome.metrics.get("curve", [])))
        looks = {
            (replicate, point["epoch"])
            for replicate, epochs, points in curves
            for point in points
            if self.after * epochs <= point["epoch"] < epochs
        }
        return max(1, len(looks))


def _comparable(store: TrialStore, trial: Trial) -> Iterator[Row]:
    """Trials that have ended with a curve on as many images."""
    for row in store.rows:
        if row.state in _ENDED and store.size(row)[0] == trial.images:
            yield row
