"""Two stages against one: python screens.py NAME=TABLE.parquet … writes screens.md here.

Every arm gets one cheap pull; the best few get pulls of another fidelity, and the best of these is picked. Cost is that
of all pulls over the number of arms, in long trainings. Regret is averaged over every replicate that may come first and
every choice of those that may come second; its interval is over 1,000 possible truths, as in `policysearch calibrate`.
Where images were not recorded for as many epochs, the nearest number is taken (for 1/4 of them on CIFAR-10 40 in place
of 60, for 1/16 of them on the shipped data 40 in place of two thirds of 40).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policysearch.experiments.calibration.proxies import Estimated, regret
from policysearch.experiments.calibration.truth import Truth
from policysearch.experiments.tabular.table import Table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.study.rewards import parse_reward

HERE = Path(__file__).parent
DRAWS = 1000
GAP = "accuracy-0.1*accuracy_gap"


@dataclass(frozen=True)
class Stage:
    """Pulls of images and epochs as shares of long training, `pulls` for each of the best `arms` (0: of all)."""

    images: float
    epochs: float
    reward: str = "accuracy"
    arms: int = 0
    pulls: int = 1

    def __str__(self) -> str:
        who = f"best {self.arms}" if self.arms else "all"
        size = (
            "long" if self.images == self.epochs == 1 else f"1/{1 / self.images:.0f} images × {self.epochs:.3g} epochs"
        )
        return f"{who}: {self.pulls} × {size} by {self.reward}"


FIRST = (
    *(Stage(1 / 16, epochs, reward) for epochs in (2 / 3, 1) for reward in ("accuracy", GAP)),
    Stage(1 / 16, 2),
    *(Stage(1 / 8, 1, reward) for reward in ("accuracy", GAP)),
)
SECOND = (
    *(
        Stage(1 / 4, 1, reward, arms, pulls)
        for arms, pulls in ((3, 1), (5, 1), (8, 1), (5, 2))
        for reward in ("accuracy", GAP)
    ),
    *(Stage(1, 1, "accuracy", arms) for arms in (2, 3, 4)),
)


def nearest(table: Table, stage: Stage) -> int:
    """The recorded fidelity of that many images whose epochs are nearest."""
    long = table.fidelities[-1]
    same = [f for f in table.fidelities if f.images == round(stage.images * long.images)]
    return table.index(min(same, key=lambda f: abs(f.epochs - stage.epochs * long.epochs)))


def seconds(table: Table, at: int) -> float:
    """Processor seconds of a pull."""
    return float(np.mean([m["cpu_seconds"] for m, f in zip(table.metrics, table.fidelity, strict=True) if f == at]))


def rewards(table: Table, at: int, reward: str) -> NDArray[np.float64]:
    """[K, J] of the replicates that all arms have."""
    grid = table.grid(at, parse_reward(reward))[0]
    return grid[:, np.isfinite(grid).all(0)]


def judged(table: Table, stages: tuple[Stage, ...]) -> tuple[float, Estimated]:
    """Cost an arm, and expected regret."""
    long = len(table.fidelities) - 1
    truth = Truth(table.grid(long, parse_reward("accuracy"))[0])
    first, *more = stages
    at = nearest(table, first)
    cost, cheap = seconds(table, at) / seconds(table, long), rewards(table, at, first.reward)
    scores = cheap.T
    if more:
        (then,) = more
        at = nearest(table, then)
        cost += then.arms * then.pulls / len(table.arms) * seconds(table, at) / seconds(table, long)
        dear = rewards(table, at, then.reward)
        again = np.array([dear[:, list(few)].mean(1) for few in combinations(range(dear.shape[1]), then.pulls)])
        kept = np.sort(cheap.T, 1)[:, -then.arms][:, None] <= cheap.T
        scores = np.where(kept[:, None], again, -np.inf).reshape(-1, len(table.arms))
    draws = truth.draws(DRAWS, np.random.default_rng(0))
    return cost, Estimated.of_draws(np.mean([regret(draws, one) for one in scores], 0))


def main(specs: list[str]) -> None:
    tables = {name: load_table(path) for name, path in (spec.split("=") for spec in specs)}
    plans = [(first,) for first in FIRST] + [(first, second) for first in FIRST for second in SECOND]
    heads = [cell for name in tables for cell in (f"{name}: cost", f"{name}: regret")]
    lines = [f"| first | then | {' | '.join(heads)} |", f"|{' - |' * (2 + len(heads))}"]
    for plan in plans:
        found = [judged(table, plan) for table in tables.values()]
        cells = [f"{c:.3f} | {r.value:.4f} [{r.low:.4f}, {r.high:.4f}]" for c, r in found]
        lines.append(f"| {plan[0]} | {plan[1] if len(plan) > 1 else '–'} | {' | '.join(cells)} |")
    (HERE / "screens.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
