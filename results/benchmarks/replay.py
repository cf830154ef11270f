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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from policysearch import RuleSampler
from policysearch.experiments.comparison.replay import Replay
from policysearch.experiments.tabular.table_file import load_table
from policysearch.rules import RULES
from policysearch.study.rewards import parse_reward
from workers.simulated import Hazards

optuna.logging.set_verbosity(optuna.logging.ERROR)
TABLE = Path(__file__).parent.parent / "2026-11-21_tables" / "fashion-small.parquet"
SEARCHES, PULLS, TRIALS, CHOICES = 10, 400, 1000, 20
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
        print(lines[-1], flush=True)
    return [*lines, ""]


def large() -> list[str]:
    source = replay(workers=1000)
    lines = ["100,000 pulls of 1,000 workers", "", "| rule | s | ms a choice | utilisation |", "| - | - | - | - |"]
    for name in ("random", "ucb", "thompson"):
        started = time.process_time()
        one = source.run(name, 100_000, 0)
        took = time.process_time() - started
        lines.append(f"| {name} | {took:.1f} | {1000 * one.overhead:.2f} | {one.utilisation:.3f} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("replay.md"))
    out = parser.parse_args().out
    lines = [
        "# Replayed searches, and choices in an Optuna study",
        "",
        f"`python results/benchmarks/replay.py` · {platform.machine()}, one core, processor time · "
        f"Python {platform.python_version()}, Optuna {optuna.__version__}, NumPy {np.__version__}",
        "",
        *table(f"A search of {PULLS} pulls, 8 workers, {TABLE.name} (35 arms)", "s", list(searches()), 1),
        *large(),
        *table(f"One choice, {TRIALS} trials in the study, 160 arms", "ms", list(choices()), 1000),
    ]
    out.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
