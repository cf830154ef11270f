"""How well each reward of a cheap pull ranks the arms as long training does.

Run: python judge.py, after record.py; it reads pulls.jsonl and the table of ../2026-11-21_tables, and writes judged.md.

Each arm's mean reward over its cheap pulls (500 × 80, the replicates that all arms have) is held against its mean
accuracy in long training (4,000 × 40, ten replicates of the table, which share no network with the pulls). Where
pulls.jsonl has long pulls of eight arms or more, the rewards are also held against other metrics of these: the worst
class, macro F1 and AUROC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from record import CHEAP, LONG, PULLS, rows

from policysearch.experiments.calibration.proxies import Bootstrap, judge_proxy
from policysearch.experiments.calibration.truth import Truth
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.table_file import load_table
from policysearch.policy.space_files import load_space
from policysearch.stats.ranks import reliability, spearman
from policysearch.study.rewards import parse_reward

PAGE = PULLS.with_name("judged.md")
TABLE = PULLS.parents[1] / "2026-11-21_tables" / "fashion-small.parquet"
REWARDS = (
    "accuracy",
    "balanced-accuracy",
    "worst-class",
    "macro-f1",
    "top-5",
    "auroc",
    "reciprocal-rank",
    "feature-rank",
    "accuracy+0.01*feature-rank",
    "-loss",
    "-ece",
    "-entropy",
)
TRUTHS = ("accuracy", "worst-class", "macro-f1", "auroc", "feature-rank")
DRAWS = 2_000
FEWEST = 8
"""Arms below which no rank correlation is shown."""


def grid(reward: str, size: tuple[int, int], keys: Sequence[str], pulls: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """[K, J] rewards of the replicates that all arms have."""
    here = {(row["arm"], row["replicate"]): row for row in pulls if (row["images"], row["epochs"]) == size}
    shared = [j for j in range(100) if all((key, j) in here for key in keys)]
    value = parse_reward(reward)
    values = [[value(here[key, j]) for j in shared] for key in keys]
    return np.array(values, dtype=np.float64).reshape(len(keys), len(shared))


def interval(first: np.ndarray, second: np.ndarray) -> str:
    """Spearman's correlation and its 95 % bootstrap interval over arms, in text."""
    draws = drawn_arms(len(first))
    low, high = np.nanquantile(spearman(first[draws], second[draws]), (0.025, 0.975))
    return f"{float(spearman(first, second)):.2f} [{low:.2f}, {high:.2f}]"


def drawn_arms(count: int) -> np.ndarray:
    """[DRAWS, count] arms of each bootstrap draw."""
    return np.random.default_rng(0).integers(0, count, (DRAWS, count))


def ahead(first: np.ndarray, other: np.ndarray, truth: np.ndarray) -> str:
    """By how much one correlation with the truth is above another, paired over the same draws of arms, in text."""
    draws = drawn_arms(len(first))
    gaps = spearman(first[draws], truth[draws]) - spearman(other[draws], truth[draws])
    low, high = np.nanquantile(gaps, (0.025, 0.975))
    return f"{float(spearman(first, truth) - spearman(other, truth)):+.2f} [{low:.2f}, {high:.2f}]"


def against_the_table(keys: Sequence[str], pulls: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every reward against ten long trainings of each arm."""
    table = load_table(str(TABLE))
    places = [[arm.key for arm in table.arms].index(key) for key in keys]
    truth = Truth(table.grid(table.index(Fidelity(*LONG)), parse_reward("accuracy"))[0][places])
    bootstrap, families = Bootstrap.of(truth), [str(table.arms[place].parameters["family"]) for place in places]
    means, plain = np.nanmean(truth.rewards, axis=1), grid("accuracy", CHEAP, keys, pulls).mean(1)
    lines = []
    for reward in REWARDS:
        values = grid(reward, CHEAP, keys, pulls)
        proxy = judge_proxy(values, truth, bootstrap, families)
        inside = f"{proxy.inside.value:.2f} [{proxy.inside.low:.2f}, {proxy.inside.high:.2f}]"
        expected = f"{100 * proxy.all.value:.2f} [{100 * proxy.all.low:.2f}, {100 * proxy.all.high:.2f}]"
        again = f"{reliability(values):.2f}" if values.shape[1] > 1 else "–"
        cells = (
            interval(values.mean(1), means),
            ahead(values.mean(1), plain, means),
            inside,
            again,
            f"{100 * proxy.observed:.2f}",
            expected,
        )
        lines.append(f"| `{reward}` | {' | '.join(cells)} |")
    return lines


def among_long(pulls: Sequence[Mapping[str, Any]]) -> list[str]:
    """Cheap pulls by each reward against long pulls by each metric, on the arms that have both."""
    long = {row["arm"] for row in pulls if (row["images"], row["epochs"]) == LONG and row["replicate"] == 0}
    keys = [arm.key for arm in load_space("default").arms(0) if arm.key in long]
    if len(keys) < FEWEST:
        return [f"Long pulls of {len(keys)} arms are recorded so far.", ""]
    truths = {name: grid(name, LONG, keys, pulls).mean(1) for name in TRUTHS}
    replicates = grid("accuracy", LONG, keys, pulls).shape[1]
    lines = [
        f"{len(keys)} arms with {replicates} long pull{'s' * (replicates > 1)} each.",
        "",
        f"| cheap pull by | {' | '.join(f'long {name}' for name in TRUTHS)} |",
        "| - " * (1 + len(TRUTHS)) + "|",
    ]
    for reward in REWARDS:
        means = grid(reward, CHEAP, keys, pulls).mean(1)
        lines.append(f"| `{reward}` | {' | '.join(interval(means, truth) for truth in truths.values())} |")
    return [*lines, ""]


def main() -> None:
    pulls = list(rows())
    cheap = {row["arm"] for row in pulls if (row["images"], row["epochs"]) == CHEAP and row["replicate"] == 0}
    keys = [arm.key for arm in load_space("default").arms(0) if arm.key in cheap]
    replicates = grid("accuracy", CHEAP, keys, pulls).shape[1]
    seconds = [row["cpu_seconds"] for row in pulls if (row["images"], row["epochs"]) == CHEAP]
    lines = [
        "# Which reward of a cheap pull ranks as long training does?",
        "",
        f"`python record.py`, then `python judge.py`: {len(keys)} arms of `default`, shipped data, {replicates} "
        f"replicate{'s' * (replicates > 1)} of 500 × 80 ({np.mean(seconds):.1f} processor seconds each). 95 % "
        "intervals in brackets: of Spearman over arms (bootstrap), inside families and of the expected regret over the "
        "luck of pulls and of long training. Regrets are in points of accuracy after long training. With itself: the "
        "reliability of the means (Spearman-Brown over halves of the replicates; – for one).",
        "",
        "| reward | Spearman with long accuracy | above that of accuracy | inside families | with itself "
        "| regret of its pick | expected regret |",
        "| - | - | - | - | - | - | - |",
        *against_the_table(keys, pulls),
        "",
        "## Against other metrics of long pulls",
        "",
        *among_long(pulls),
    ]
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
