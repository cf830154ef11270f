"""Whether read-outs of trunks rank arms as one-cycle pulls do, on the two recorded tables.

Run: python ranks.py, after record.py; it reads readouts.jsonl and the tables of
../2026-11-21_tables, and writes ranks.md.

Each arm's mean at a rung, over the replicates that all arms have, is held against its mean in one-cycle pulls of
500 × 80 (the same replicates, so the same seeds and images, and the others, which share nothing) and against long
training. What could be reached at best is shown beside it: the correlation of the one-cycle pulls of those replicates
with the same two.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from record import RUNGS, rows

from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.table_file import load_table
from policysearch.stats.ranks import reliability, spearman, spearman_inside
from policysearch.study.rewards import parse_reward

PAGE = Path(__file__).with_name("ranks.md")
TABLES = Path(__file__).parents[1] / "2026-11-21_tables"
PULL = Fidelity(500, 80)
DRAWS = 2_000
FEWEST = 8
"""Arms below which no correlation is shown."""


def readouts(data: str, keys: list[str]) -> tuple[list[int], np.ndarray]:
    """Places in `keys` of the n arms that were recorded, and their accuracies [rungs, n, J] on common replicates."""
    accuracy = {
        (row["arm"], row["replicate"]): [reading["accuracy"] for reading in row["readings"]]
        for row in rows()
        if row["data"] == data
    }
    places = [place for place, key in enumerate(keys) if any(key == arm for arm, _ in accuracy)]
    whole = [j for j in range(20) if places and all((keys[place], j) in accuracy for place in places)]
    values = np.array([[accuracy[keys[place], j] for j in whole] for place in places])
    return places, values.reshape(len(places), len(whole), len(RUNGS)).transpose(2, 0, 1)


def interval(first: np.ndarray, second: np.ndarray) -> str:
    """Spearman's correlation and its 95 % bootstrap interval over arms, in text."""
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(first), (DRAWS, len(first)))
    values = spearman(first[draws], second[draws])
    low, high = np.nanquantile(values, (0.025, 0.975))
    return f"{float(spearman(first, second)):.2f} [{low:.2f}, {high:.2f}]"


def section(data: str) -> list[str]:
    """What is to be said of one data set."""
    table, reward = load_table(str(TABLES / f"{data}.parquet")), parse_reward("accuracy")
    keys = [arm.key for arm in table.arms]
    places, read = readouts(data, keys)
    if len(places) < FEWEST:
        return [f"## {data}", "", f"Read-outs of {len(places)} of {len(keys)} arms are recorded so far.", ""]
    pulls = table.grid(table.index(PULL), reward)[0][places]
    truth = np.nanmean(table.grid(len(table.fidelities) - 1, reward)[0][places], axis=1)
    families = [str(table.arms[place].parameters["family"]) for place in places]
    count = read.shape[2]
    same, others = pulls[:, :count].mean(1), np.nanmean(pulls[:, count:], axis=1)

    def line(name: str, means: np.ndarray, again: float) -> str:
        regret = 100 * (truth.max() - truth[int(np.argmax(means))])
        inside = float(spearman_inside(means, truth, families))
        of_same = "–" if means is same else interval(means, same)
        cells = (name, of_same, interval(means, others), interval(means, truth), f"{inside:.2f}", f"{again:.2f}")
        return f"| {' | '.join(cells)} | {regret:.2f} |"

    lines = [
        f"## {data}",
        "",
        f"{len(places)} of {len(keys)} arms, {count} replicate{'s' * (count > 1)} of read-outs, "
        f"{pulls.shape[1] - count} others of one-cycle.",
        "",
        "| pull | with one-cycle 500 × 80, same replicates | with others | with long training | inside families | "
        "with itself | regret of its pick, points |",
        "| - | - | - | - | - | - | - |",
    ]
    for rung, epochs in enumerate(RUNGS):
        lines.append(line(f"read-out at {epochs} epochs", read[rung].mean(1), reliability(read[rung])))
    lines.append(line("one-cycle 500 × 80", same, reliability(pulls[:, :count])))
    return [*lines, ""]


def main() -> None:
    text = "\n".join(
        [
            "# Do read-outs rank arms as one-cycle pulls do?",
            "",
            "`python record.py …`, then `python ranks.py`: Spearman's correlation of the arms' mean accuracies, with "
            "95 % bootstrap intervals over arms. With itself: the correlation that a second such recording would have "
            "(Spearman-Brown over halves of the replicates; nan for a single one).",
            "",
            *section("fashion-small"),
            *section("cifar10-4000"),
        ]
    )
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
