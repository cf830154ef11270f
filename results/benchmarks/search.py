"""Where a worker's time goes in the default search, and how two workers compare with one.

Run: python results/benchmarks/search.py [--out FILE] [--rounds 3]. Two idle cores. Each round evaluates the twelve
first arms of the default space at 500 images × 80 epochs on one worker, then on two, with a real record on SQLite;
workers have started and have evaluated one tiny trial each before the clock does.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
import torch
from targets import Target, section

from policysearch.child.recipe import Recipe
from policysearch.policy.space_files import load_space
from policysearch.study.controller import run
from policysearch.study.optuna_store import OptunaTrialStore
from policysearch.study.rewards import parse_reward
from policysearch.study.sources import Confirmation
from workers.evaluate import ChildSetup
from workers.local import LocalPool

optuna.logging.set_verbosity(optuna.logging.ERROR)
PULLS = 12
LEAST_USEFUL, LEAST_RATIO = 90.0, 1.8
"""Limits: percent of two workers' time that is work, and the pulls of two workers by those of one."""
WORK = ("step_seconds", "augmentation_seconds", "evaluation_seconds")


def one_round(workers: int) -> tuple[float, list[float]]:
    """Seconds for all pulls, and worker-seconds of steps, augmentation and evaluation."""
    space = load_space("default")
    with tempfile.TemporaryDirectory() as folder:
        study = optuna.create_study(storage=f"sqlite:///{folder}/study.db", study_name="s", direction="maximize")
        record = OptunaTrialStore(study, space, seed=0, fidelities=((500, 80),), reward=parse_reward("accuracy"))
        pool = LocalPool(ChildSetup("fashion-small", None, 0, "small-resnet", Recipe(), "cpu"), workers)
        try:
            source = Confirmation(record, space.arms(0)[:PULLS], 1)
            warm = [source.ask() for _ in range(workers)]
            for trial in warm:
                pool.submit(replace(trial, images=20, epochs=1))
            ready = 0
            while ready < workers:
                ready += len(pool.wait(60))
            started = time.perf_counter()
            run(source, pool, warm)
            seconds = time.perf_counter() - started
        finally:
            pool.close()
        parts = [sum(float(row.outcome.metrics[name]) for row in record.rows) for name in WORK]
    return seconds, parts


@dataclass(frozen=True)
class Round:
    """Seconds of all pulls on one worker and on two, and the two workers' seconds of each part of their work."""

    one: float
    two: float
    parts: list[float]

    @property
    def shares(self) -> list[float]:
        return [part / (2 * self.two) for part in self.parts]

    def row(self, number: int) -> str:
        cells = " | ".join(f"{share:.1%}" for share in [*self.shares, sum(self.shares)])
        return f"| {number} | {self.one:.1f} | {self.two:.1f} | {self.one / self.two:.2f} | {cells} |"


def against_limits(useful: list[float], ratios: list[float]) -> list[Target]:
    """From the share of useful time, and the ratio of pulls, of each round."""
    return [
        Target.at_least("useful time of two workers, the least of the rounds", 100 * min(useful), LEAST_USEFUL, "%"),
        Target.at_least("pulls of two workers, by those of one, median", statistics.median(ratios), LEAST_RATIO),
    ]


def page(rounds: list[Round]) -> list[str]:
    useful, ratios = [sum(one.shares) for one in rounds], [one.one / one.two for one in rounds]
    return [
        "# The default search's workers",
        "",
        f"`python results/benchmarks/search.py --rounds {len(rounds)}` · "
        f"{platform.processor() or platform.machine()}, two cores, no GPU · Python {platform.python_version()}, "
        f"torch {torch.__version__} · "
        f"{PULLS} pulls of 500 × 80 a cell",
        "",
        "Shares are of the workers' wall time, controller and waiting included; steps are forward, backward and "
        "optimiser.",
        "",
        "| round | 1 worker, s | 2 workers, s | ratio of pulls | steps | augmentation | evaluation | together |",
        "| - | - | - | - | - | - | - | - |",
        *(one.row(number) for number, one in enumerate(rounds, 1)),
        "",
        *section(against_limits(useful, ratios)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("search.md"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rounds = []
    for number in range(1, options.rounds + 1):
        (one, _), (two, parts) = one_round(1), one_round(2)
        rounds.append(Round(one, two, parts))
        print(rounds[-1].row(number), flush=True)
    options.out.write_text("\n".join(page(rounds)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
