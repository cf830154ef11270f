"""One search replayed from a recorded table on a virtual clock.

Outcomes are drawn from the recorded replicates, with replacement: pull j of an arm gets the replicate that run r has
drawn for j. A replicate is drawn for all arms and strategies alike, as in a search, where arms share seeds and
training images pull by pull. So the runs are a bootstrap of the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray

from policysearch.core.errors import UserError
from policysearch.core.seeds import seed_of
from policysearch.core.trial import Outcome, Trial
from policysearch.experiments.comparison.outcomes import Ints
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.table import Table
from policysearch.rules import recommend
from policysearch.stats.arrays import Floats
from policysearch.study.controller import run
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.quiet_optuna import quiet_optuna
from policysearch.study.rewards import Reward
from policysearch.study.rule_strategy import RuleStrategy
from policysearch.study.sources import Budgeted
from policysearch.study.strategies import Strategy, make_strategy
from workers.simulated import Hazards, SimulatedPool

_MOST_CHECKPOINTS = 40
_ROUNDING = 1e-9  # costs of cheap pulls are not whole numbers


@dataclass(frozen=True)
class OneRun:
    """The result of one search, read at P checkpoints; the arrays are rows of `outcomes.Runs`."""

    picks: Ints
    regret: Floats
    seconds: Floats
    clock: Floats
    failures: int
    utilisation: float
    overhead: float


def checkpoints(budget: int) -> Ints:
    """Pulls at which a search of this budget is read: at most 40, even on a logarithm, the last the budget. [P] int."""
    return np.unique(np.geomspace(1, budget, min(budget, _MOST_CHECKPOINTS)).round().astype(np.int64))


class Replay:
    """Searches over one table.

    Args:
        table: what was recorded.
        reward: from a pull's metrics.
        fidelity: of a pull; budgets are counted in pulls of its cost.
        rungs: those of strategies that use several, cheapest first.
        measured: the fidelity whose means regret is measured by, for all strategies alike.
        workers: of each search.
        hazards: what happens to them.
        retries: further attempts for a pull that failed.
        seed: of everything.
    """

    def __init__(
        self,
        table: Table,
        reward: Reward,
        fidelity: Fidelity,
        rungs: Sequence[Fidelity],
        *,
        measured: Fidelity | None = None,
        workers: int,
        hazards: Hazards,
        retries: int,
        seed: int,
    ) -> None:
        self.table = table
        self._reward = reward
        self._ladders = {False: (fidelity,), True: tuple(rungs)}
        self._workers = workers
        self._hazards = hazards
        self._retries = retries
        self._seed = seed
        self._samplers: dict[str, Strategy] = {}
        self._keys = tuple(arm.key for arm in table.arms)
        self._place = {key: k for k, key in enumerate(self._keys)}
        self._cells = {(f.images, f.epochs): self._cells_at(f) for f in {fidelity, *rungs}}
        grids = {f: table.grid(table.index(f), reward)[0] for f in {fidelity, *rungs, measured or fidelity}}
        self.means: Floats = np.nanmean(grids[measured or fidelity], axis=1)

    def _cells_at(self, fidelity: Fidelity) -> list[list[Outcome]]:
        """Recorded outcomes by arm and replicate."""
        out: list[list[Outcome]] = [[] for _ in self._keys]
        here = np.flatnonzero(self.table.fidelity == self.table.index(fidelity))
        for cell in here[np.argsort(self.table.replicate[here], kind="stable")]:
            outcome = Outcome(self.table.metrics[cell], seconds=float(self.table.seconds[cell]))
            out[self.table.arm[cell]].append(outcome)
        return out

    def run(self, spec: str, budget: int, number: int) -> OneRun:
        """Run `number` of a strategy.

        Raises:
            UserError: unknown strategy, or a parameter out of range.
        """
        seed = seed_of(self._seed, number)
        strategy = self._strategy(spec, budget)
        shares = np.random.default_rng([seed, 1]).random(budget + 1)
        pool = SimulatedPool(
            self._outcome(spec, shares), self._workers, self._hazards, np.random.default_rng([seed, 2])
        )
        ladder = self._ladders[strategy.fidelities]
        with _record(strategy, seed, self.table, [(f.images, f.epochs) for f in ladder], self._reward) as record:
            costs = [f.cost / self._ladders[False][0].cost for f in ladder]
            blind = int(np.random.default_rng([seed, 3]).integers(len(self._keys)))
            source = _Watched(Budgeted(record, strategy, budget, costs), pool, checkpoints(budget), self, blind)
            run(source, pool, retries=self._retries)
            return source.read()

    def _strategy(self, spec: str, budget: int) -> Strategy:
        """The strategy of a run; an Optuna sampler is made once, since trying it out costs more than a search."""
        if spec in self._samplers:
            return self._samplers[spec]
        strategy = make_strategy(spec, self.table.space, self._seed, budget, self.table.arms)
        if not isinstance(strategy, RuleStrategy):
            self._samplers[spec] = strategy
        return strategy

    def _outcome(self, spec: str, shares: Floats) -> Callable[[Trial], Outcome]:
        """Pull j gets the replicate at `shares[j]` of the recorded ones; beyond the budget the shares begin anew."""

        def replay(trial: Trial) -> Outcome:
            if trial.arm not in self._place:
                raise UserError(
                    f"{self.table.source} holds {len(self._keys)} arms, a part of its space, and {spec} suggests "
                    "others too: compare rules on it, or record a space with fewer arms"
                )
            recorded = self._cells[trial.images, trial.epochs][self._place[trial.arm]]
            return recorded[int(shares[trial.replicate % len(shares)] * len(recorded))]

        return replay

    def gap(self, key: str) -> float:
        """The best mean minus that arm's."""
        return float(self.means.max() - self.means[self._place[key]])

    def pick(self, record: Any) -> int | None:
        """The arm that a search would take now; None if nothing has a reward yet."""
        return recommend(record.tally.history(self._keys))


@contextmanager
def _record(
    strategy: Strategy, seed: int, table: Table, fidelities: list[tuple[int, int]], reward: Reward
) -> Iterator[Any]:
    if isinstance(strategy, RuleStrategy):
        yield InMemoryTrialStore(seed=seed, fidelities=fidelities, reward=reward)
        return
    with quiet_optuna():
        study = optuna.create_study(direction="maximize")
    yield OptunaTrialStore(study, table.space, seed=seed, fidelities=fidelities, reward=reward)


class _Watched:
    """A source that is read at checkpoints, by the cost of its finished pulls, and whose choices are timed.

    `blind` is the pick before anything has a reward.
    """

    def __init__(
        self, source: Budgeted, pool: SimulatedPool, at: NDArray[np.int64], replay: Replay, blind: int
    ) -> None:
        self._source = source
        self._pool = pool
        self._at = at
        self._replay = replay
        self._blind = blind
        self._asks = 0
        self._ended = 0.0
        self._regret = 0.0
        self._seconds = 0.0
        self._asking_seconds = 0.0
        self._readings: list[tuple[int, float, float, float]] = []

    def ask(self) -> Trial | None:
        start = time.perf_counter()
        trial = self._source.ask()
        self._asking_seconds += time.perf_counter() - start
        self._asks += 1
        return trial

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        self._seconds += outcome.seconds
        return self._source.attempt_failed(trial, outcome)

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        self._source.tell(trial, outcome)
        row = self._source.store.rows[trial.number]
        cost = self._source.cost(row)
        self._ended += cost
        self._regret += cost * self._replay.gap(row.arm.key)
        self._seconds += outcome.seconds
        passed = int(np.searchsorted(self._at[:-1], self._ended + _ROUNDING, side="right"))
        if passed > len(self._readings):
            self._readings += [self._now()] * (passed - len(self._readings))

    def _now(self) -> tuple[int, float, float, float]:
        pick = self._replay.pick(self._source.store)
        return (self._blind if pick is None else pick, self._regret, self._seconds, self._pool.clock)

    def read(self) -> OneRun:
        """The readings at the checkpoints; at the last an expensive pull may have gone beyond the budget."""
        self._readings += [self._now()] * (len(self._at) - len(self._readings))
        picks, regret, seconds, clock = zip(*self._readings, strict=True)
        return OneRun(
            np.array(picks),
            np.array(regret),
            np.array(seconds),
            np.array(clock),
            self._pool.failed,
            self._pool.utilisation,
            self._asking_seconds / self._asks,
        )
