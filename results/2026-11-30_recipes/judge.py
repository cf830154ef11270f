"""What the searches found and cost, and whether the policies beat the best free one on test data: writes judged.md.

Run: python judge.py RUNS JUDGED, folders of searches and of their evaluations under the same names, DATA-SEED.
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
from policysearch.reports.numbers import PERCENT, probability

HEADS = ("data, seed", "found", "test, over the best free policy", "best free policy", "cost of the search", "finding")


def trials(folder: Path, *phases: str) -> list[dict[str, str]]:
    """The finished trials of some phases."""
    with (folder / "trials.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["phase"] in phases and row["state"] == "complete"]


def long_trainings(run: Path, evaluation: Path) -> float:
    """The worker-seconds of a search in trainings of its evaluation, by the images that both trained on."""
    pulls = sum(int(row["images"]) * int(row["epochs"]) for row in trials(run, "search", "confirm"))
    long = trials(evaluation, "evaluate")[0]
    return pulls / (int(long["images"]) * int(long["epochs"]))


def agreement(run: Path, evaluation: Path) -> tuple[float, int]:
    """Spearman of the confirmation's means with long training on validation, over the free policies of both."""
    short: dict[str, list[float]] = {}
    for row in trials(run, "confirm"):
        short.setdefault(row["arm"], []).append(float(row["reward"]))
    long: dict[str, list[float]] = {}
    for row in trials(evaluation, "grid"):
        long.setdefault(row["arm"], []).append(float(row["reward"]))
    both = [arm for arm in short if arm in long]
    pairs = [(np.mean(short[arm]), np.mean(long[arm])) for arm in both]
    return float(spearmanr(*zip(*pairs, strict=True)).statistic), len(both)


def row_of(run: Path, evaluation: Path) -> Iterator[str]:
    """The cells of one search."""
    summary = read_evaluation(evaluation)
    pair = summary.metrics[ACCURACY].searched[0]
    policy = json.loads((run / "policy.json").read_text(encoding="utf-8"))
    yield run.name
    yield policy["name"]
    p = probability(pair.p)
    yield f"{PERCENT.change(pair.difference)} (n = {pair.n}, p {p})"
    yield summary.choices[FREE].chosen or "none"
    yield f"{long_trainings(run, evaluation):.1f} long trainings"
    yield summary.verdict.finding


def main(runs: str, judged: str) -> None:
    """Write the page."""
    folders = [(Path(runs) / path.name, path) for path in sorted(Path(judged).iterdir())]
    done = [(run, path) for run, path in folders if (path / "evaluation.json").exists()]
    lines = ["| " + " | ".join(HEADS) + " |", "| - " * len(HEADS) + "|"]
    lines += ["| " + " | ".join(row_of(run, path)) + " |" for run, path in done]
    lines += [
        "",
        "Spearman of pulls of 1,000 × 40 (three replicates) with long training on validation, free policies:",
        "",
    ]
    for run, path in done:
        value, count = agreement(run, path)
        lines.append(f"- {run.name}: {value:.2f} over {count} policies")
    Path(__file__).with_name("judged.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
