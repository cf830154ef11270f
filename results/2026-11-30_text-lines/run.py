"""The default search of --task text-lines: python run.py [--runs N] [--trials N] [--out FOLDER] writes a table here.

Each run is one search with a seed of its own; its confirmation trains the finalists and the fixed policies anew on four
replicates, and is compared with no augmentation by pairs. The same command goes on where it was stopped; with --table
it trains nothing, and writes the table of what is there.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from policysearch.experiments.search.run import resume, search
from policysearch.stats.paired import student_pair
from policysearch.stats.significance import holm
from policysearch.study.config import make_config

HERE = Path(__file__).parent
NONE = "identity"
VALIDATION_LINES = 1000
Row = Mapping[str, str]


def ended(arguments: argparse.Namespace, seed: int) -> Path:
    """The folder of a search, run or continued where it is not finished."""
    folder: Path = arguments.out / f"seed-{seed}"
    if arguments.table or (folder / "summary.json").exists():
        return folder
    if (folder / "config.toml").exists():
        resume(folder)
        return folder
    changes = {name: getattr(arguments, name) for name in ("trials", "finalists", "epochs", "workers")}
    search(make_config({"task": "text-lines", "seed": seed, "out": str(folder), **changes}))
    return folder


def rows_of(folder: Path) -> list[Row]:
    """All finished trials of a search."""
    with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["state"] == "complete"]


def by_arm(rows: list[Row], metric: str) -> dict[str, np.ndarray]:
    """Values of the confirmation by arm, on the replicates that all arms have."""
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["phase"] == "confirm":
            values.setdefault(row["arm"], {})[row["replicate"]] = float(row[metric])
    common = sorted(set.intersection(*map(set, values.values())))
    return {name: np.array([value[replicate] for replicate in common]) for name, value in values.items()}


def confirmed(rows: list[Row], seed: int) -> list[str]:
    """The rows of the table of confirmed policies, best first."""
    accuracy, characters = by_arm(rows, "accuracy"), by_arm(rows, "character_accuracy")
    names = {row["arm"]: row["policy"] for row in rows}
    none = next(arm for arm in accuracy if names[arm] == NONE)
    others = [arm for arm in accuracy if arm != none]
    pairs = [student_pair(names[arm], NONE, accuracy[arm], accuracy[none], VALIDATION_LINES) for arm in others]
    corrected = dict(zip(others, holm([pair.p for pair in pairs]), strict=True))
    gaps = {arm: pair.difference for arm, pair in zip(others, pairs, strict=True)}

    lines = []
    for arm in sorted(accuracy, key=lambda arm: -accuracy[arm].mean()):
        cells = [f"{100 * accuracy[arm].mean():.1f} ± {100 * accuracy[arm].std(ddof=1):.1f}"]
        cells.append(f"{100 * characters[arm].mean():.1f}")
        if arm == none:
            cells += ["", ""]
        else:
            low, high = 100 * gaps[arm].low, 100 * gaps[arm].high
            cells += [f"{100 * gaps[arm].mean:+.1f} ({low:+.1f} to {high:+.1f})", f"{corrected[arm]:.2g}"]
        lines.append(f"| {seed} | `{names[arm]}` | {len(accuracy[arm])} | {' | '.join(cells)} |")
    return lines


def searched(rows: list[Row]) -> list[str]:
    """The rows of the table of pulled arms of one search."""
    pulls = sorted((row for row in rows if row["phase"] == "search"), key=lambda row: -float(row["reward"]))
    return [
        f"| `{row['policy']}` | {100 * float(row['accuracy']):.1f} | {100 * float(row['character_accuracy']):.1f} | "
        f"{float(row['train_accuracy']):.2f} | {float(row['cpu_seconds']):.1f} |"
        for row in pulls
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--finalists", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("text-lines-searches"))
    arguments = parser.parse_args()

    page = ["# Confirmation, on fresh replicates and the 1,000 validation lines", ""]
    page += ["| search | policy | n | lines read, % | characters, % | against none, points (95 %) | p (Holm) |"]
    page += ["| - | - | - | - | - | - | - |"]
    pulls: list[str] = []
    costs: list[str] = []
    for seed in range(arguments.runs):
        rows = rows_of(ended(arguments, seed))
        if any(row["phase"] == "confirm" for row in rows):
            page += confirmed(rows, seed)
        size = f"{rows[0]['images']} lines × {rows[0]['epochs']} epochs"
        pulls += ["", f"## Search {seed}: pulls of {size}", ""]
        pulls += [
            "| policy | lines read, % | characters, % | train | CPU-s |",
            "| - | - | - | - | - |",
            *searched(rows),
        ]
        spent = [float(row["cpu_seconds"]) for row in rows]
        costs.append(f"search {seed}: {len(spent)} trainings, {sum(spent):.0f} s of processor time")
    text = [*page, "", f"Cost of the training threads: {'; '.join(costs)}.", *pulls, ""]
    (HERE / "text-lines.md").write_text("\n".join(text), encoding="utf-8")
    print("\n".join(text))


if __name__ == "__main__":
    main()
