"""What a self-supervised search found, against no augmentation, and whether rotations order arms as the probe does.

Run: policysearch search --task self-supervised --out search, then python search.py [search/trials.csv]. Reads the
table of a finished search (by default the published one), prints two tables and writes search.md.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from policysearch.reports.numbers import PERCENT, probability
from policysearch.stats.paired import student_pair

HERE = Path(__file__).parent
NONE = "identity"
REWARDS = ("rotation", "knn_accuracy", "loss", "augmented_train_loss", "feature_rank", "severity")


def rows(path: Path) -> list[dict[str, str]]:
    """The finished trainings of a search."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["accuracy"] and row["state"] == "complete"]


def confirmed(trials: list[dict[str, str]]) -> list[str]:
    """The finalists on fresh replicates, each against none."""
    accuracies: dict[str, dict[str, float]] = defaultdict(dict)
    for row in trials:
        if row["phase"] == "confirm":
            accuracies[row["policy"]][row["replicate"]] = float(row["accuracy"])
    common = sorted(set.intersection(*map(set, accuracies.values())))
    values = {arm: np.array([of_arm[k] for k in common]) for arm, of_arm in accuracies.items()}
    others = len(values) - 1
    lines = [
        f"n = {len(common)} fresh replicates, which no choice of the search has seen:",
        "",
        "| policy | probe accuracy | sd | minus none | p | p (Bonferroni) |",
        "| - " * 6 + "|",
    ]
    for arm, accuracy in sorted(values.items(), key=lambda item: -item[1].mean()):
        line = f"| {arm} | {100 * accuracy.mean():.2f} % | {100 * accuracy.std(ddof=1):.2f} "
        if arm == NONE:
            lines.append(f"{line}| | | |")
            continue
        pair = student_pair(arm, NONE, accuracy, values[NONE], 0)
        corrected = _p(min(1.0, others * pair.p))
        lines.append(f"{line}| {PERCENT.change(pair.difference)} | {_p(pair.p)} | {corrected} |")
    return lines


def agreement(trials: list[dict[str, str]]) -> list[str]:
    """Rank correlation over arms with the probe's accuracy, of means over an arm's pulls."""
    of_arm: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in trials:
        if row["phase"] == "search":
            of_arm[row["policy"]].append(row)

    def means(metric: str) -> list[float]:
        return [float(np.mean([float(row[metric]) for row in pulls])) for pulls in of_arm.values()]

    pulls = sum(map(len, of_arm.values()))
    lines = [
        f"{len(of_arm)} arms, {pulls} pulls of the search:",
        "",
        "| metric | rank correlation with probe accuracy | p |",
        "| - | - | - |",
    ]
    for metric in REWARDS:
        result = spearmanr(means(metric), means("accuracy"))
        lines.append(f"| {metric} | {result.statistic:+.2f} | {_p(result.pvalue)} |")
    return lines


def _p(value: float) -> str:
    return probability(value).removeprefix("= ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trials", nargs="?", type=Path, default=HERE / "trials.csv")
    trials = rows(parser.parse_args().trials)
    parts = ["# The default search", "", "## Against none", "", *confirmed(trials), ""]
    parts += ["## Which metrics order arms as the probe does", "", *agreement(trials), ""]
    text = "\n".join(parts)
    (HERE / "search.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
