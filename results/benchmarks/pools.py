"""The Ray pool compared with the local pool: pulls per minute of children that sleep, seconds until the first trial.

Run: python results/benchmarks/pools.py [--out FILE]. Two workers, children of 2 s, rounds of 20 pulls of each pool in
turn on workers that are ready; then starts in processes of their own, torch and the shipped data included. No GPU.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from targets import Target, section

from policysearch.child.recipe import Recipe
from policysearch.core.trial import Outcome, Trial
from policysearch.study.controller import run
from workers.cluster import connected
from workers.evaluate import ChildSetup, Evaluate
from workers.local import LocalPool
from workers.pool import WorkerPool

WORKERS, SECONDS, PULLS, ROUNDS, STARTS = 2, 2.0, 20, 3, 5
LEAST_SHARE, LONGEST_START = 95.0, 8.0
"""Limits of the Ray pool: percent of the local pool's pulls, and seconds to start."""


class Sleeping:
    """Sets up as a real child does; its children sleep, and report when they began."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> Evaluate:
        ChildSetup("fashion-small", None, 0, "small-resnet", Recipe(), "cpu")()

        def sleep(trial: Trial) -> dict[str, float]:
            began = time.time()
            time.sleep(self.seconds)
            return {"began": began}

        return sleep


class Pulls:
    """A number of trials, and their outcomes."""

    def __init__(self, count: int) -> None:
        self.left = [Trial(n, "sleep", "{}", 0, n, 1, 1) for n in range(count)]
        self.outcomes: list[Outcome] = []

    def ask(self) -> Trial | None:
        return self.left.pop() if self.left else None

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def attempt_failed(self, trial: Trial, outcome: Outcome) -> Trial:
        raise RuntimeError(outcome.error)


def ray_pool(setup: Sleeping) -> WorkerPool[Any]:
    from workers.ray_pool import RayPool

    return RayPool(setup, WORKERS)


POOLS = {"local": lambda setup: LocalPool(setup, WORKERS), "ray": ray_pool}


def place(name: str) -> AbstractContextManager[None]:
    return connected(None, WORKERS) if name == "ray" else nullcontext()


def pulls_a_minute(pool: WorkerPool[Any]) -> float:
    started = time.perf_counter()
    run(Pulls(PULLS), pool, retries=0)
    return 60 * PULLS / (time.perf_counter() - started)


def rates() -> dict[str, list[float]]:
    """Pulls per minute by pool, one figure per round."""
    rates_of_pool: dict[str, list[float]] = {name: [] for name in POOLS}
    with place("ray"):
        pools = {name: make(Sleeping(SECONDS)) for name, make in POOLS.items()}
        for pool in pools.values():
            run(Pulls(2 * WORKERS), pool, retries=0)
        for _ in range(ROUNDS):
            for name, pool in pools.items():
                rates_of_pool[name].append(pulls_a_minute(pool))
        for pool in pools.values():
            pool.close()
    return rates_of_pool


def start(name: str) -> None:
    """Print the seconds until a pool's first trial runs, in this process."""
    started = time.time()
    first = Pulls(1)
    with place(name):
        pool = POOLS[name](Sleeping(0))
        run(first, pool, retries=0)
        pool.close()
    print(first.outcomes[0].metrics["began"] - started)


def starts() -> dict[str, list[float]]:
    seconds_of_pool: dict[str, list[float]] = {name: [] for name in POOLS}
    for _ in range(STARTS):
        for name, seconds in seconds_of_pool.items():
            done = subprocess.run([sys.executable, __file__, "--start", name], check=True, stdout=subprocess.PIPE)
            seconds.append(float(done.stdout))
    return seconds_of_pool


def in_words(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def against_limits(share: float, seconds: float) -> list[Target]:
    """From the Ray pool's share of the local pool's pulls, and its seconds to start."""
    return [
        Target.at_least("pulls of the Ray pool, by the local pool's", 100 * share, LEAST_SHARE, "%"),
        Target.at_most("start of the Ray pool, median", seconds, LONGEST_START, "s"),
    ]


def page(rate: dict[str, list[float]], wait: dict[str, list[float]]) -> list[str]:
    """From the pulls per minute, and the seconds to start, by pool."""
    share = statistics.median(rate["ray"]) / statistics.median(rate["local"])
    most = 60 * WORKERS / SECONDS
    return [
        "# Pools",
        "",
        f"`python results/benchmarks/pools.py` · {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()} · {WORKERS} workers, children that sleep {SECONDS:g} s, "
        f"{ROUNDS} rounds of {PULLS} pulls, {STARTS} starts",
        "",
        "| pool | pulls a minute, median (min to max) | of the most there can be | s until the first trial runs |",
        "| - | - | - | - |",
        *(
            f"| {name} | {in_words(rate[name])} | {statistics.median(rate[name]) / most:.1%} | {in_words(wait[name])} |"
            for name in POOLS
        ),
        "",
        *section(against_limits(share, statistics.median(wait["ray"]))),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("pools.md"))
    parser.add_argument("--start", choices=list(POOLS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.start:
        start(options.start)
        return
    lines = page(rates(), starts())
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
