"""How well pulls of another child network pick, against those of small-resnet at equal arms and replicates.

Run: python judge.py [--tables ../2026-11-21_tables] [--out judged.md]. The truth is the recorded tables' long training
of small-resnet. An arm counts where both networks have pulled it in each of the replicates that are compared.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policysearch.experiments.calibration.proxies import Bootstrap, Estimated, judge_proxy
from policysearch.experiments.calibration.truth import Truth
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.table import Table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.study.rewards import parse_reward

HERE = Path(__file__).parent
CHEAP = Fidelity(500, 80)
ACCURACY = parse_reward("accuracy")
HEAD = (
    "| data | network | arms | replicates | regret of the pick | expected regret, all replicates | of one pull "
    "| Spearman | inside families | mean accuracy |"
)


@dataclass(frozen=True)
class Pulls:
    """Accuracies [K, J] of one network at 500 × 80, nan where a pull is missing."""

    network: str
    accuracy: NDArray[np.float64]


def recorded(table: Table, data: str, rows: list[Mapping[str, object]]) -> list[Pulls]:
    """Small-resnet's pulls out of the table, and those of other networks out of the lines of `record.py`."""
    place = {arm.key: k for k, arm in enumerate(table.arms)}
    networks = [Pulls("small-resnet", table.grid(table.index(CHEAP), ACCURACY)[0])]
    for model in sorted({str(row["model"]) for row in rows if row["data"] == data}):
        grid = np.full(networks[0].accuracy.shape, np.nan)
        for row in rows:
            if row["data"] == data and row["model"] == model and row["replicate"] < grid.shape[1]:
                grid[place[row["arm"]], row["replicate"]] = row["accuracy"]
        networks.append(Pulls(model, grid))
    return networks


def compared(table: Table, networks: list[Pulls], replicates: int) -> Iterator[str]:
    """Rows of the page: every network on the arms that all have pulled in each of the first replicates."""
    everywhere = np.all([np.isfinite(pulls.accuracy[:, :replicates]).all(1) for pulls in networks], 0)
    arms = np.flatnonzero(everywhere)
    if len(arms) < 3:
        return
    rewards = table.grid(len(table.fidelities) - 1, ACCURACY)[0][arms]
    truth = Truth(rewards)
    bootstrap = Bootstrap.of(truth)
    families = [str(table.arms[k].parameters["family"]) for k in arms]
    for pulls in networks:
        scores = pulls.accuracy[arms, :replicates]
        proxy = judge_proxy(scores, truth, bootstrap, families)
        cells = (proxy.all, proxy.one, proxy.spearman, proxy.inside)
        numbers = " | ".join(map(interval, cells))
        yield (
            f"| {pulls.network} | {len(arms)} | {replicates} | {proxy.observed:.4f} | {numbers} | {scores.mean():.4f} |"
        )


def interval(estimate: Estimated) -> str:
    return f"{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, default=HERE.parent / "2026-11-21_tables")
    parser.add_argument("--out", type=Path, default=HERE / "judged.md")
    options = parser.parse_args()

    rows = [json.loads(line) for line in (HERE / "pulls.jsonl").read_text(encoding="utf-8").splitlines()]
    lines = ["# Pulls of other networks, judged by small-resnet's long training", "", HEAD, "| - " * 10 + "|"]
    for data in sorted({str(row["data"]) for row in rows}):
        table = load_table(options.tables / f"{data}.parquet")
        networks = recorded(table, data, rows)
        for replicates in range(1, networks[0].accuracy.shape[1] + 1):
            lines += [f"| {data} {row}" for row in compared(table, networks, replicates)]
    lines += ["", "95 % intervals in brackets; accuracy and regret as fractions."]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
