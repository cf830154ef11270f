"""What whole searches found, what they said of it, and how it does on test data against the best free policy.

Run: python judge.py RUNS JUDGED > judged.md, a folder of searches, DATA-SEED, and one of their evaluations, DATA.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from policysearch.experiments.evaluation.files import read_evaluation
from policysearch.experiments.evaluation.metrics import ACCURACY
from policysearch.experiments.evaluation.settings import FREE
from policysearch.experiments.evaluation.summary import Summary
from policysearch.reports.numbers import PERCENT, probability
from policysearch.stats.paired import PairedTest, student_pair

HEADS = ("data", "seed", "the search said", "its policy", "test accuracy over the best free policy", "cost")


def trials(folder: Path, *phases: str) -> list[dict[str, str]]:
    """The finished trials of some phases."""
    with (folder / "trials.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["phase"] in phases and row["state"] == "complete"]


def long_trainings(run: Path, evaluation: Path) -> float:
    """The images that a search trained on, in those of a training of its evaluation."""
    pulls = sum(int(row["images"]) * int(row["epochs"]) for row in trials(run, "search", "confirm"))
    long = trials(evaluation, "evaluate")[0]
    return pulls / (int(long["images"]) * int(long["epochs"]))


def over_best_free(summary: Summary, policy: str) -> PairedTest | None:
    """A policy's test accuracy minus that of the best free one, seed by seed; None where it is that policy."""
    measured = summary.measured
    free = next(name for name in measured.fixed if name.startswith(FREE))
    name = max((n for n in measured.names if policy.startswith(n) or n.startswith(policy)), key=len, default=free)
    if name == free:
        return None
    return student_pair(name, free, measured.of(name, ACCURACY), measured.of(free, ACCURACY), measured.test_images)


def agreement(run: Path, evaluation: Path) -> tuple[float, int]:
    """Spearman of single pulls of the search with long training on validation, over the free policies of both."""
    short = {row["arm"]: float(row["reward"]) for row in trials(run, "search")[:12]}
    long: dict[str, list[float]] = {}
    for row in trials(evaluation, "grid"):
        long.setdefault(row["arm"], []).append(float(row["reward"]))
    both = [arm for arm in short if arm in long]
    pairs = [(short[arm], np.mean(long[arm])) for arm in both]
    return float(spearmanr(*zip(*pairs, strict=True)).statistic), len(both)


def row_of(run: Path, evaluation: Path, summary: Summary) -> Iterator[str]:
    """The cells of one search."""
    policy = json.loads((run / "policy.json").read_text(encoding="utf-8"))
    data, _, seed = run.name.rpartition("-")
    pair = over_best_free(summary, policy["name"])
    about = policy["about"]
    yield data
    yield seed
    yield "wins" if about["finding"] == "wins" else f"use {about['use']}"
    yield policy["name"]
    chosen = summary.choices[FREE].chosen
    if pair is None:
        yield f"is the best free policy ({chosen})"
    else:
        p = probability(pair.p)
        yield f"{PERCENT.change(pair.difference)} over {chosen} (n = {pair.n}, p {p})"
    yield f"{long_trainings(run, evaluation):.1f} long trainings"


def main(runs: str, judged: str) -> None:
    """Print the page."""
    lines = ["| " + " | ".join(HEADS) + " |", "| - " * len(HEADS) + "|"]
    agreements = []
    for evaluation in sorted(Path(judged).iterdir()):
        if not (evaluation / "evaluation.json").exists():
            continue
        summary = read_evaluation(evaluation)
        for run in sorted(Path(runs).glob(f"{evaluation.name}-[0-9]*")):
            if (run / "policy.json").exists():
                lines.append("| " + " | ".join(row_of(run, evaluation, summary)) + " |")
                value, count = agreement(run, evaluation)
                agreements.append(f"- {run.name}: {value:.2f} over {count} policies")
    print("\n".join(lines))
    print("\nSpearman of single pulls of 500 × 80 with long training on validation, free policies:\n")
    print("\n".join(agreements))


if __name__ == "__main__":
    main(*sys.argv[1:])
