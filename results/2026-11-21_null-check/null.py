"""Arms that are all equal: python null.py PULLS.jsonl writes null.md here.

The replicates of one policy are dealt out under different names, again and again,
and the program's own judgements are asked for: how often do they name a winner that is none? An evaluation chooses the
best fixed policy on validation and compares on test; how far one network's luck goes into both is not known, so both
extremes are told: independent numbers, and one number for both.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from policysearch.experiments.evaluation.metrics import ERROR, VALIDATION, Measured
from policysearch.experiments.evaluation.verdict import judge_policy as evaluated
from policysearch.experiments.search.summary import finalists, summarise
from policysearch.experiments.search.verdict import judge_winner
from policysearch.policy.policy import Policy
from policysearch.policy.spaces import Arm
from policysearch.study.rows import COMPLETE, Row
from policysearch.study.sources import FRESH

DEALS = 2000
POLICIES, SEEDS = 5, 10
ARMS, CONFIRM = 20, 4
Floats = NDArray[np.float64]


def evaluations(accuracy: Floats, rng: np.random.Generator, same: bool) -> Iterator[str]:
    """What `evaluate` says of the first of five equal policies with ten seeds each."""
    names = tuple(f"policy {i}" for i in range(POLICIES))
    for _ in range(DEALS):
        dealt = rng.choice(accuracy, (2, POLICIES, SEEDS), replace=False)
        values = {VALIDATION: dealt[0], ERROR: 1 - dealt[0 if same else 1]}
        yield evaluated(Measured(names, names[1:], values)).finding


def searches(accuracy: Floats, rng: np.random.Generator) -> Iterator[bool]:
    """Whether a search of 20 equal arms, three pulls each and four confirming ones, claims a lead that is no chance."""
    arms = [Arm({"family": name}, Policy.preset(name)) for name in ("identity", "trivialaugment-wide", "flip-crop")]
    arms += [Arm({"family": str(i)}, Policy.preset(f"randaugment:1,{i}")) for i in range(1, ARMS - 2)]
    for _ in range(DEALS):
        pulls = rng.choice(accuracy, (len(arms), 3), replace=False)
        chosen = finalists(summarise(_rows(arms, pulls, 0)), 4)
        fresh = rng.choice(accuracy, (len(chosen), CONFIRM), replace=False)
        verdict = judge_winner(chosen[0], chosen, _rows(chosen, fresh, FRESH))
        yield verdict.finding == "wins"


def _rows(arms: list[Arm], rewards: Floats, first: int) -> list[Row]:
    return [
        Row(0, arm, first + j, state=COMPLETE, reward=float(reward))
        for arm, own in zip(arms, rewards, strict=True)
        for j, reward in enumerate(own)
    ]


def told(name: str, claims: int) -> str:
    low, high = binom.ppf([0.025, 0.975], DEALS, max(claims, 1) / DEALS) / DEALS
    return f"| {name} | {DEALS:,} | {100 * claims / DEALS:.1f} % | {100 * low:.1f} to {100 * high:.1f} % |"


def main(path: str) -> None:
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    accuracy = np.array([line["accuracy"] for line in lines])
    rng = np.random.default_rng(0)
    apart, joined = (Counter(evaluations(accuracy, rng, same)) for same in (False, True))
    rows = [
        f"{len(lines)} trainings of {lines[0]['name']} at {lines[0]['images']} × {lines[0]['epochs']}: accuracy "
        f"{accuracy.mean():.4f}, deviation {accuracy.std(ddof=1):.4f}",
        "",
        "| claim | repetitions | made | 95 % |",
        "| - | - | - | - |",
        told(
            "`evaluate`, independent: better than the best fixed policy (5 equal policies, 10 seeds)", apart["better"]
        ),
        told("`evaluate`, independent: worse than it", apart["worse"]),
        told("`evaluate`, one number for both: better", joined["better"]),
        told("`evaluate`, one number for both: worse", joined["worse"]),
        told("`search`: a lead that is no chance (20 equal arms, 3 pulls, 4 confirming)", sum(searches(accuracy, rng))),
    ]
    (Path(__file__).parent / "null.md").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
