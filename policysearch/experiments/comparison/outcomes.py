"""What a comparison of strategies has seen: runs, the arms they chose from, and where all of it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policysearch.stats.arrays import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Arms:
    """The arms that every strategy chose from, K of them.

    Attributes:
        names: K names.
        means: [K] mean reward where regret is measured: at the pulls' fidelity, or the most expensive that a
            strategy pulls.
        truth: [K] mean reward after long training, nan for an arm that had none; None where nothing was trained for
            long. In live comparisons: on fresh replicates, for the arms that some search ended with.
        truth_errors: [K] standard errors of `truth`, nan for an arm with one long training.
    """

    names: tuple[str, ...]
    means: Floats
    truth: Floats | None = None
    truth_errors: Floats | None = None


@dataclass(frozen=True)
class Runs:
    """R runs of one strategy with one budget, read at P checkpoints. Run r of every strategy is paired by its seed.

    Attributes:
        strategy: as the user gave it, `NAME` or `NAME:parameter=value`.
        budget: pulls of each run.
        pulls: [P] pulls that had ended at each checkpoint, an expensive one counting by its cost; the last is the
            budget.
        picks: [R, P] int64, index of the arm that would be recommended there.
        regret: [R, P] regret gathered so far: the best mean minus the pulled arm's, by cost, over ended pulls.
        seconds: [R, P] worker-seconds spent so far, failed attempts included.
        clock: [R, P] seconds since the run began.
        failures: [R] attempts that failed.
        utilisation: [R] share of workers × clock in which a worker was busy.
        overhead: seconds of computing that the strategy itself needed for one choice, mean.
    """

    strategy: str
    budget: int
    pulls: Ints
    picks: Ints
    regret: Floats
    seconds: Floats
    clock: Floats
    failures: Ints
    utilisation: Floats
    overhead: float

    def simple_regret(self, arms: Arms) -> Floats:
        """[R, P] best mean minus that of the recommended arm."""
        return np.asarray(arms.means.max() - arms.means[self.picks])

    def truth_regret(self, arms: Arms) -> Floats:
        """[R] the same for the final pick, after long training; nan where nothing was trained for long."""
        if arms.truth is None:
            return np.full(len(self.picks), np.nan)
        return np.asarray(np.nanmax(arms.truth) - arms.truth[self.picks[:, -1]])


@dataclass(frozen=True)
class Comparison:
    """A comparison as it was run.

    Attributes:
        arms: what was chosen from.
        runs: one entry per strategy and budget; budgets ascend within a strategy.
        sensitivity: the same for a strategy's parameter set to other values, at one budget.
        delta: a pick within this of the best arm counts as good, in the reward's unit.
        workers: of each run.
        live: whether children were trained; else a recorded table was replayed.
        about: what else is worth telling, by name: table or data, fidelity, reward, seed, rates, versions, command.
    """

    arms: Arms
    runs: tuple[Runs, ...]
    sensitivity: tuple[Runs, ...]
    delta: float
    workers: int
    live: bool
    about: dict[str, Any]

    @property
    def pulled_once(self) -> int:
        """Arms of a replayed table with a single pull at the pulls' fidelity: whatever is drawn, they give the same."""
        if "pulled_once" in self.about:
            return int(self.about["pulled_once"])
        replicates = self.about.get("replicates", {}).get(self.about.get("fidelity"))
        return len(self.arms.names) if replicates == 1 else 0

    @property
    def without_noise(self) -> bool:
        """Whether no arm was pulled twice: then a comparison shows nothing about how strategies bear noise."""
        return not self.live and self.pulled_once == len(self.arms.names)
