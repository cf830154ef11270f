"""How many outcomes a second one controller takes in: its loop with workers that sleep, on three storages.

Run: python results/benchmarks/controller.py [--out FILE] [--trials N]. No child is trained and no process started: a
worker is an entry in a heap of due times on the real clock, its child sleeps for 0.5 to 1.5 s. The loop, the record and
the strategy (ucb over the default space) are those of a search. With 200 workers more is offered than a controller
takes in, so their rate is its limit. PostgreSQL is a private server with its own durability, where it is installed.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import BaseStorage
from targets import Target, section

from policysearch.core.trial import Outcome, Trial
from policysearch.policy.space_files import load_space
from policysearch.study.controller import run
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.sources import Budgeted
from policysearch.study.storage import open_storage
from policysearch.study.strategies import Strategy, make_strategy

sys.path.append(str(Path(__file__).parents[2]))
from tests.support.postgres import private_server  # the server that the tests use

SPACE = load_space("default")
CURVE = [{"epoch": e, "accuracy": 0.5, "loss": 1.0} for e in range(4)]
METRICS = {f"metric_{i}": i / 7 for i in range(18)} | {"curve": CURVE}
SHORTEST, LONGEST = 0.5, 1.5  # seconds a child sleeps
WORKERS = (20, 200)
LIMIT = 20  # outcomes a second on SQLite
WINDOW = 500  # outcomes of the last rate


class Sleepers:
    """A pool of logical workers: a heap of (due time, order, trial)."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._rng = np.random.default_rng(0)
        self._order = itertools.count()
        self._due: list[tuple[float, int, Trial]] = []

    @property
    def free_slots(self) -> int:
        return self._workers - len(self._due)

    def submit(self, trial: Trial) -> None:
        due = time.monotonic() + self._rng.uniform(SHORTEST, LONGEST)
        heapq.heappush(self._due, (due, next(self._order), trial))

    def wait(self, timeout: float) -> list[tuple[Trial, Outcome]]:
        time.sleep(min(timeout, max(0.0, self._due[0][0] - time.monotonic())))
        out = []
        while self._due and self._due[0][0] <= time.monotonic():
            trial = heapq.heappop(self._due)[2]
            out.append((trial, Outcome({"metric": trial.seed % 1000 / 1e4, **METRICS}, seconds=LONGEST)))
        return out


class TimedSearch(Budgeted):
    """A source of trials until a budget is used; notes when each outcome had been recorded."""

    def __init__(self, store: OptunaTrialStore, strategy: Strategy, budget: int) -> None:
        super().__init__(store, strategy, budget)
        self.recorded: list[float] = []

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        super().tell(trial, outcome)
        self.recorded.append(time.monotonic())


@dataclass(frozen=True)
class Rate:
    """Outcomes a second on a storage.

    Attributes:
        at_end: the same over the last outcomes.
        milliseconds: the controller's CPU time per outcome.
    """

    storage: str
    workers: int
    trials: int
    rate: float
    at_end: float
    milliseconds: float

    def row(self) -> str:
        cells = f"{self.rate:.0f} | {self.at_end:.0f} | {self.milliseconds:.1f}"
        return f"| {self.storage} | {self.workers} | {self.trials} | {cells} |"


def measured(name: str, storage: BaseStorage, workers: int, trials: int) -> Rate:
    study = optuna.create_study(storage=storage, direction="maximize")
    record = OptunaTrialStore(study, SPACE, seed=0, fidelities=((500, 80),), reward=lambda m: float(m["metric"]))
    search = TimedSearch(record, make_strategy("ucb", SPACE, 0), trials)
    started, cpu = time.monotonic(), time.process_time()
    run(search, Sleepers(workers))
    cpu = time.process_time() - cpu
    last = search.recorded[-WINDOW - workers : -workers]  # while there was still more to ask
    rate = len(search.recorded) / (search.recorded[-1] - started)
    return Rate(name, workers, trials, rate, (len(last) - 1) / (last[-1] - last[0]), 1000 * cpu / trials)


@contextmanager
def storages() -> Iterator[dict[str, BaseStorage]]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        opened: dict[str, BaseStorage] = {"memory": optuna.storages.InMemoryStorage()}
        opened["SQLite"] = stack.enter_context(open_storage(f"sqlite:///{folder}/study.db"))
        server = stack.enter_context(private_server(options=""))
        if server is not None:
            version = server.sql("postgres", "SHOW server_version").split()[0]
            opened[f"PostgreSQL {version}"] = stack.enter_context(open_storage(server.new_database("benchmark")))
        yield opened


def against_limit(rate: float) -> list[Target]:
    """From the outcomes a second on SQLite with most workers."""
    return [Target.at_least(f"outcomes a second on SQLite, {max(WORKERS)} workers", rate, LIMIT)]


def page(rates: list[Rate], trials: int) -> list[str]:
    (on_sqlite,) = (rate.rate for rate in rates if rate.storage == "SQLite" and rate.workers == max(WORKERS))
    return [
        "# Outcomes a second that one controller takes in",
        "",
        f"`python results/benchmarks/controller.py --trials {trials}` · {platform.machine()}, two cores · "
        f"Python {platform.python_version()}, Optuna {optuna.__version__} · ucb over the default space "
        f"({len(SPACE.arms(0))} arms), children that sleep for {SHORTEST} to {LONGEST} s, one run a row",
        "",
        "Children end as often a second as there are workers: a rate below that is the controller's limit. At the end: "
        f"the last {WINDOW} outcomes while trials were still started.",
        "",
        "| storage | workers | outcomes | outcomes a second | at the end | controller's CPU, ms an outcome |",
        "| - | - | - | - | - | - |",
        *(rate.row() for rate in rates),
        "",
        *section(against_limit(on_sqlite)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("controller.md"))
    parser.add_argument("--trials", type=int, default=3000, help="outcomes with 200 workers; a tenth as many with 20")
    options = parser.parse_args()
    rates = []
    with storages() as opened:
        for (name, storage), workers in itertools.product(opened.items(), WORKERS):
            rates.append(measured(name, storage, workers, options.trials * workers // max(WORKERS)))
            print(rates[-1].row(), flush=True)
    options.out.write_text("\n".join(page(rates, options.trials)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
