"""Whole searches with their confirmation, replayed: python designs.py NAME=TABLE.parquet … writes designs.md here.

A search pulls by UCB, two pulls at once; its four best arms by shrunken mean and the four fixed policies are trained
again on common replicates, and the best mean is picked, as `policysearch search` does. Outcomes are drawn from the
recorded replicates, with replacement, alike for all arms. Regret is by long training, averaged over possible truths;
its interval is over RUNS searches and as many truths.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policysearch.core.trial import Outcome, Trial
from policysearch.experiments.calibration.proxies import regret
from policysearch.experiments.calibration.truth import Truth
from policysearch.experiments.search.summary import finalists, summarise
from policysearch.experiments.tabular.fidelity import Fidelity
from policysearch.experiments.tabular.table import Table
from policysearch.experiments.tabular.table_file import load_table
from policysearch.study.controller import run
from policysearch.study.in_memory_store import InMemoryTrialStore
from policysearch.study.rewards import parse_reward
from policysearch.study.sources import Budgeted
from policysearch.study.strategies import make_strategy
from workers.simulated import Hazards, SimulatedPool

HERE = Path(__file__).parent
RUNS = 500
SIZES = (Fidelity(250, 40), Fidelity(500, 80), Fidelity(1000, 40))
ACCURACY = parse_reward("accuracy")


@dataclass(frozen=True)
class Design:
    """Pulls at one fidelity, then `replicates` of each of the finalists at another (none: the shrunken mean picks)."""

    first: Fidelity
    pulls: int
    second: Fidelity
    replicates: int
    finalists: int = 4

    def told(self, long: Fidelity) -> str:
        """Two cells of the table."""
        size = "long training" if self.second == long else self.second
        then = f"best {self.finalists} and the fixed 4: {self.replicates} × {size}" if self.replicates else "–"
        return f"{self.pulls} × {self.first} | {then}"


def designs(cheap: Fidelity, old: Fidelity, quarter: Fidelity, long: Fidelity) -> tuple[Design, ...]:
    """What is compared: searches that confirm by pulls as in the search, and by longer ones."""
    return (
        Design(old, 40, old, 0),
        *(Design(old, pulls, old, n) for pulls, n in ((30, 4), (40, 2), (40, 4), (60, 4))),
        *(Design(old, 40, quarter, n) for n in (2, 4)),
        Design(old, 40, long, 1),
        *(Design(cheap, pulls, second, n) for pulls in (40, 80) for second, n in ((cheap, 4), (quarter, 4), (long, 1))),
        Design(cheap, 80, old, 4),
        Design(quarter, 40, quarter, 4),
    )


class Recorded:
    """A table's outcomes at a fidelity, the replicates that all arms have."""

    def __init__(self, table: Table, fidelity: Fidelity) -> None:
        at = table.index(fidelity)
        grid = table.grid(at, ACCURACY)[0]
        self.rewards: NDArray[np.float64] = grid[:, np.isfinite(grid).all(0)]
        self.seconds = float(np.mean([table.metrics[i]["cpu_seconds"] for i in np.flatnonzero(table.fidelity == at)]))

    def outcome(self, arm: int, share: float) -> Outcome:
        value = self.rewards[arm, int(share * self.rewards.shape[1])]
        return Outcome({"accuracy": float(value)}, seconds=self.seconds)


def picked(table: Table, design: Design, at: dict[Fidelity, Recorded], seed: int) -> NDArray[np.bool_]:
    """[K] the arm a search takes."""
    place = {arm.key: k for k, arm in enumerate(table.arms)}
    rng = np.random.default_rng([seed, 5])
    shares = rng.random(design.pulls + 1)
    record = InMemoryTrialStore(seed=seed, fidelities=[(design.first.images, design.first.epochs)], reward=ACCURACY)
    strategy = make_strategy("ucb", table.space, seed, design.pulls, table.arms)

    def replay(trial: Trial) -> Outcome:
        return at[design.first].outcome(place[trial.arm], shares[trial.replicate])

    pool = SimulatedPool(replay, 2, Hazards(), rng)
    run(Budgeted(record, strategy, design.pulls), pool, retries=0)
    summaries = summarise(record.rows)
    out = np.zeros(len(place), dtype=bool)
    if not design.replicates:
        out[place[summaries[0].arm.key]] = True
        return out
    arms = [place[arm.key] for arm in finalists(summaries, design.finalists)]
    then = at[design.second].rewards
    common = rng.integers(then.shape[1], size=design.replicates)
    out[arms[int(np.argmax(then[np.ix_(arms, common)].mean(1)))]] = True
    return out


def judged(
    table: Table, design: Design, long: Fidelity, at: dict[Fidelity, Recorded]
) -> tuple[float, NDArray[np.float64]]:
    """Cost in long trainings, and the regret of each run."""
    truths = Truth(table.grid(table.index(long), ACCURACY)[0]).draws(RUNS, np.random.default_rng(0))
    picks = np.array([picked(table, design, at, seed) for seed in range(RUNS)], dtype=float)
    confirming = design.replicates * (design.finalists + 4)  # at most: fixed policies may be among the best
    seconds = design.pulls * at[design.first].seconds + confirming * at[design.second].seconds
    return seconds / at[long].seconds, regret(truths, picks)


def main(specs: list[str]) -> None:
    tables = {name: load_table(path) for name, path in (spec.split("=") for spec in specs)}
    columns = []
    for table in tables.values():
        long = table.fidelities[-1]
        at = {fidelity: Recorded(table, fidelity) for fidelity in (*SIZES, long)}
        columns.append([judged(table, design, long, at) for design in designs(*SIZES, long)])
    heads = [cell for name in tables for cell in (f"{name}: long trainings", "regret")]
    lines = [f"| search | confirmation | {' | '.join(heads)} |", f"|{' - |' * (2 + len(heads))}"]
    for i, design in enumerate(designs(*SIZES, long)):
        cells = [f"{cost:.1f} | {_told(found)}" for cost, found in (column[i] for column in columns)]
        lines.append(f"| {design.told(long)} | {' | '.join(cells)} |")
    (HERE / "designs.md").write_text("\n".join(lines) + "\n")


def _told(found: NDArray[np.float64]) -> str:
    low, high = np.quantile(found, [0.025, 0.975])
    return f"{found.mean():.4f} ± {found.std(ddof=1) / np.sqrt(len(found)):.4f} [{low:.4f}, {high:.4f}]"


if __name__ == "__main__":
    main(sys.argv[1:])
