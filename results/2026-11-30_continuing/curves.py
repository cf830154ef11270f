"""What it costs the controller that learning curves are intermediate values of the study.

Run: python curves.py [--trials 300] [--points 4]. One core, a minute. Three ways to close a trial take turns on a new
SQLite file: its outcome alone, its outcome and its curve in one commit (as searches do), and its outcome and Optuna's
`trial.report` for each point. Processor seconds, the system's for writing included; the least of five rounds of each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import optuna

from policysearch.study.storage import open_storage

ROUNDS = 5


def alone(study: optuna.Study, number: int, curve: dict[int, float], outcome: str) -> None:
    study._storage.set_trial_user_attr(number, "outcome", outcome)


def together(study: optuna.Study, number: int, curve: dict[int, float], outcome: str) -> None:
    backend = study._storage._backend  # type: ignore[attr-defined]
    backend.set_trial_curves({number: curve}, {number: {"outcome": outcome}})


def one_by_one(study: optuna.Study, number: int, curve: dict[int, float], outcome: str) -> None:
    for step, value in curve.items():
        study._storage.set_trial_intermediate_value(number, step, value)
    alone(study, number, curve, outcome)


WAYS: dict[str, Callable[[optuna.Study, int, dict[int, float], str], None]] = {
    "outcome alone": alone,
    "outcome and curve in one commit": together,
    "outcome, and Optuna's report for each point": one_by_one,
}


def milliseconds(way: str, trials: int, points: int, folder: Path) -> float:
    """Processor milliseconds per trial."""
    curve = {20 * (i + 1): 0.8 + 0.01 * i for i in range(points)}
    outcome = json.dumps({"metrics": {"curve": curve, **{f"metric_{i}": i / 7 for i in range(30)}}})
    with open_storage(f"sqlite:///{folder}/{time.monotonic_ns()}.db") as storage:
        study = optuna.create_study(storage=storage)
        numbers = [study.ask()._trial_id for _ in range(trials)]
        begun = time.process_time()
        for number in numbers:
            WAYS[way](study, number, curve, outcome)
        return 1000 * (time.process_time() - begun) / trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--points", type=int, default=4)
    options = parser.parse_args()

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        measured: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(ROUNDS):
            for way, rounds in measured.items():
                rounds.append(milliseconds(way, options.trials, options.points, Path(folder)))
    print(f"| {options.trials} trials of {options.points} points | processor ms per trial |")
    print("| - | - |")
    for way, rounds in measured.items():
        print(f"| {way} | {min(rounds):.2f} |")


if __name__ == "__main__":
    main()
