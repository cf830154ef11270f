"""The trials of one study in memory, and the tally of its arms: what all trial stores have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from policysearch.core.trial import Outcome, Trial
from policysearch.policy.spaces import Arm
from policysearch.rules import Tally, counted
from policysearch.study.choices import ArmChoice, Choice
from policysearch.study.rewards import Reward
from policysearch.study.rows import COMPLETE, FAILED, PRUNED, RUNNING, Row, reward_of


class TrialStore(ABC):
    """Trials by number and the tally of their arms. Subclasses say where else trials are written.

    A rule chooses alike on every store: it sees the tally alone.

    Args:
        seed: the study's.
        fidelities: (images, epochs) of a pull at each fidelity, cheapest first.
        reward: from a pull's metrics.

    Attributes:
        rows: the trials, in order.
        tally: pulls, sums and pending pulls per arm and fidelity.
    """

    def __init__(self, *, seed: int, fidelities: Sequence[tuple[int, int]], reward: Reward) -> None:
        self.seed = seed
        self.rows: list[Row] = []
        self.tally = Tally(len(fidelities))
        self._fidelities = tuple(fidelities)
        self._reward = reward

    def start(self, choice: Choice) -> Trial:
        """Start the trial that a strategy decided on.

        Raises:
            TypeError: this store cannot let a sampler suggest.
        """
        if not isinstance(choice, ArmChoice):
            raise TypeError(f"{type(self).__name__} starts chosen arms only, got {choice!r}")
        return self.add(choice.arm, choice.replicate, choice.fidelity, choice.probability, choice.parent)

    @abstractmethod
    def add(
        self,
        arm: Arm,
        replicate: int | None = None,
        fidelity: int = 0,
        probability: float = math.nan,
        parent: int | None = None,
    ) -> Trial:
        """Start a pull of `arm`.

        Args:
            arm: what is pulled.
            replicate: which pull of the arm; by default the parent's, or the next one at that fidelity.
            fidelity: its index.
            probability: of the rule's draw.
            parent: number of a complete trial whose child goes on: with its replicate it continues, with another it
                forks. A parent that kept no checkpoint is trained again from nothing.
        """

    @abstractmethod
    def trial(self, row: Row) -> Trial:
        """The trial to evaluate for a row that is running."""

    def size(self, row: Row) -> tuple[int, int]:
        """Images and epochs of a row's trial."""
        return self._fidelities[row.fidelity]

    def running(self) -> list[Trial]:
        """Trials that were started and have not ended, in order."""
        return [self.trial(row) for row in self.rows if row.state == RUNNING]

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        """Record a failed attempt; returns the next attempt of the same trial."""
        row = self.rows[trial.number]
        self.rows[trial.number] = replace(row, failures=(*row.failures, outcome))
        return self.trial(self.rows[trial.number])

    @abstractmethod
    def tell(self, trial: Trial, outcome: Outcome) -> Row:
        """Record how a trial ended."""

    def _next_row(self, arm: Arm, replicate: int | None, fidelity: int, probability: float, parent: int | None) -> Row:
        if parent is not None:
            return self._descendant(arm, replicate, fidelity, probability, self.rows[parent])
        if replicate is None:
            replicate = self.tally.started(arm.key, fidelity)
        return Row(len(self.rows), arm, replicate, fidelity, probability)

    def _descendant(self, arm: Arm, replicate: int | None, fidelity: int, probability: float, parent: Row) -> Row:
        """The next row, which goes on from the child of another."""
        return Row(
            len(self.rows),
            arm,
            parent.replicate if replicate is None else replicate,
            fidelity,
            probability,
            parent=parent.number,
            begin=self._fidelities[parent.fidelity][1],
            checkpoint=str(parent.outcome.metrics.get("checkpoint", "")),
        )

    def _start(self, row: Row) -> None:
        self.rows.append(row)
        self.tally.start(row.pull)

    def _finish(self, number: int, outcome: Outcome) -> Row:
        if outcome.pruned:
            return self._close_row(number, outcome, None)
        reward, error = reward_of(self._reward, outcome)
        return self._close_row(number, replace(outcome, error=error), reward)

    def _close_row(self, number: int, outcome: Outcome, reward: float | None) -> Row:
        state = PRUNED if outcome.pruned else FAILED if reward is None else COMPLETE
        row = replace(self.rows[number], state=state, reward=reward, outcome=outcome)
        self.rows[number] = row
        if state == PRUNED:
            self.tally.prune(row.pull)
        else:
            self.tally.finish(row.pull, reward, *counted(outcome.metrics))
        return row
