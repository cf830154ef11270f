"""What a replayed search costs, rule by rule; a very large one; and a choice of RuleSampler in an Optuna study.

Run: python results/benchmarks/replay.py [--out FILE]. One core, processor time. The peers, in the same run: random
choice for replayed searches, Optuna's own samplers for the choices.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from targets import Target, section

from policysearch import RuleSampler
from policysearch.experiments.comparison.replay import Replay
from policysearch.experiments.tabular.table_file import load_table
from policysearch.rules import RULES
from policysearch.study.rewards import parse_reward
from workers.simulated import Hazards

optuna.logging.set_verbosity(optuna.logging.ERROR)
TABLE = Path(__file__).parent.parent / "2026-11-21_tables" / "fashion-small.parquet"
SEARCHES, PULLS, TRIALS, CHOICES = 10, 400, 1000, 20
LARGE = 100_000
"""Pulls of the large replay."""
MOST_SECONDS, LEAST_BUSY = 60.0, 95.0
"""Limits of the large replay: processor seconds, and percent of its workers' time."""
Row = tuple[str, list[float]]


def replay(workers: int) -> Replay:
    table = load_table(TABLE)
    return Replay(
        table,
        parse_reward("accuracy"),
        table.fidelities[0],
        table.fidelities,
        workers=workers,
        hazards=Hazards(stragglers=0.05, slowdown=3.0, failures=0.01),
        retries=1,
        seed=0,
    )


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def searches() -> Iterator[Row]:
    source = replay(workers=8)
    for name in (*RULES, "tpe"):
        runs = 2 if name == "tpe" else SEARCHES
        yield name, [seconds(partial(source.run, name, PULLS, n)) for n in range(runs)]


def objective(trial: optuna.Trial) -> float:
    width = trial.suggest_categorical("width", list(range(16)))
    return float(width + trial.suggest_float("rate", 0.0, 0.9, step=0.1))


def choose(study: optuna.Study) -> float:
    return objective(study.ask())


def choices() -> Iterator[Row]:
    """One ask with both parameters, where the study holds 1,000 trials of 160 arms."""
    rng = np.random.default_rng(0)
    samplers: dict[str, Any] = {
        "optuna's random": optuna.samplers.RandomSampler(seed=0),
        "optuna's tpe": optuna.samplers.TPESampler(seed=0),
    } | {
        f"RuleSampler({rule!r})": RuleSampler(rule, seed=0, budget=2 * TRIALS)
        for rule in ("ucb", "thompson", "sequential-halving")
    }
    for name, sampler in samplers.items():
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
        study.optimize(lambda trial: objective(trial) + rng.normal(), n_trials=TRIALS)
        study.sampler = sampler
        yield name, [seconds(partial(choose, study)) for _ in range(CHOICES)]


def table(title: str, unit: str, rows: list[Row], scale: float) -> list[str]:
    base = statistics.median(rows[0][1])
    lines = [title, "", f"| | median {unit} (min to max) | n | ratio to {rows[0][0]} |", "| - | - | - | - |"]
    for name, took in rows:
        spread = f"{scale * statistics.median(took):.2f} ({scale * min(took):.2f} to {scale * max(took):.2f})"
        lines.append(f"| {name} | {spread} | {len(took)} | {statistics.median(took) / base:.1f} |")
    return [*lines, ""]


@dataclass(frozen=True)
class Large:
    """The large replay by one rule: processor seconds in all and per choice, and the share of time workers are busy."""

    rule: str
    seconds: float
    choice: float
    busy: float

    def row(self) -> str:
        return f"| {self.rule} | {self.seconds:.1f} | {1000 * self.choice:.2f} | {self.busy:.3f} |"


def larges() -> Iterator[Large]:
    source = replay(workers=1000)
    for name in ("random", "ucb", "thompson"):
        started = time.process_time()
        one = source.run(name, LARGE, 0)
        result = Large(name, time.process_time() - started, one.overhead, one.utilisation)
        print(result.row(), flush=True)
        yield result


def large(results: list[Large]) -> list[str]:
    title = f"{LARGE:,} pulls of 1,000 workers"
    heads = ["| rule | s | ms a choice | utilisation |", "| - | - | - | - |"]
    return [title, "", *heads, *(result.row() for result in results), ""]


def against_limits(results: list[Large]) -> Iterator[Target]:
    for result in results:
        what = f"{LARGE:,} pulls of 1,000 workers by {result.rule}"
        yield Target.at_most(f"{what}: processor time", result.seconds, MOST_SECONDS, "s")
        yield Target.at_least(f"{what}: busy", 100 * result.busy, LEAST_BUSY, "%")


def page(of_searches: list[Row], of_large: list[Large], of_choices: list[Row]) -> list[str]:
    return [
        "# Replayed searches, and choices in an Optuna study",
        "",
        f"`python results/benchmarks/replay.py` · {platform.machine()}, one core, processor time · "
        f"Python {platform.python_version()}, Optuna {optuna.__version__}, NumPy {np.__version__}",
        "",
        *table(f"A search of {PULLS} pulls, 8 workers, {TABLE.name} (35 arms)", "s", of_searches, 1),
        *large(of_large),
        *table(f"One choice, {TRIALS} trials in the study, 160 arms", "ms", of_choices, 1000),
        *section(against_limits(of_large)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("replay.md"))
    out = parser.parse_args().out
    lines = page(list(searches()), list(larges()), list(choices()))
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
