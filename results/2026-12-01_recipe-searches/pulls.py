"""How two cheap pulls of equal cost rank policies, against long training on the same validation images.

Run: python pulls.py pulls-*.jsonl > pulls.md, files that results/2026-11-30_recipes/record.py has written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.stats import bootstrap, spearmanr

Pulls = Mapping[str, Mapping[str, float]]


def accuracies(path: Path) -> dict[str, dict[str, float]]:
    """Accuracy by pull and arm, of the first replicate."""
    table: dict[str, dict[str, float]] = {}
    for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        if row["replicate"] == 0:
            table.setdefault(row["pull"], {})[row["arm"]] = row["accuracy"]
    return table


def images(pull: str) -> int:
    """The images of a pull such as 500x80."""
    return int(pull.partition("x")[0])


def rows(path: Path) -> list[str]:
    """The table's rows of one data set."""
    table = accuracies(path)
    long = max(table, key=images)
    arms = [arm for arm in table[long] if all(arm in of_pull for of_pull in table.values())]
    truth = np.array([table[long][arm] for arm in arms])
    lines = []
    for pull in sorted(set(table) - {long}, key=images):
        cheap = np.array([table[pull][arm] for arm in arms])

        def rank(first: np.ndarray, second: np.ndarray) -> float:
            return float(spearmanr(first, second).statistic)

        interval = bootstrap((cheap, truth), rank, paired=True, vectorized=False, rng=0, method="percentile")
        low, high = interval.confidence_interval
        lost = 100 * (truth.max() - truth[cheap.argmax()])
        name = path.stem.removeprefix("pulls-")
        cells = (name, pull, long, str(len(arms)), f"{rank(cheap, truth):.2f} [{low:.2f}, {high:.2f}]", f"{lost:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main(paths: list[str]) -> None:
    """Print the page."""
    print("| data | pull | long training | policies | Spearman [95 %, over policies] | its best, points below |")
    print("| - | - | - | - | - | - |")
    for path in paths:
        print("\n".join(rows(Path(path))))


if __name__ == "__main__":
    main(sys.argv[1:])
