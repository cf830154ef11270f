"""Real searches killed at random: is anything lost, doubled, left behind or hung, and is the winner the same?

Run: python results/2026-11-30_chaos/chaos.py [--searches N] [--kills K] [--seed S] [--at-once P]. Every strategy is
searched once undisturbed; then N searches, strategies in turn, each killed up to K times: its controller, worker or
forkserver, at a random moment. A killed controller is followed by `policysearch resume`. Lines are added to chaos.jsonl
as searches end, and chaos.md has the counts.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.chaos import Record, disturbed, undisturbed  # noqa: E402

STRATEGIES = ("random", "greedy", "epsilon-greedy", "ucb", "thompson", "tpe", "optuna:NSGAII", "sequential-halving")


def summary(records: list[Record], command: str) -> str:
    """The counts as Markdown."""
    kills = sum((record.kills for record in records), Counter())
    faults = Counter(fault for record in records for fault in record.faults)
    lines = [
        "# Chaos",
        "",
        f"`{command}` · {platform.machine()}, Python {platform.python_version()}",
        "",
        f"{len(records)} searches of {len({record.strategy for record in records})} strategies, "
        f"{kills.total()} kills: " + ", ".join(f"{count} of a {name}" for name, count in kills.most_common()) + ".",
        "",
        "| fault | searches |",
        "| - | - |",
        *(f"| {fault} | {count} |" for fault, count in faults.most_common()),
        *([] if faults else ["| none: same trials, same winner, nothing left behind, no hang | 0 |"]),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=2)
    options = parser.parse_args()
    records: list[Record] = []
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.at_once) as pool:
        folder = Path(name)
        (folder / "whole").mkdir()
        expected = dict(zip(STRATEGIES, pool.map(lambda s: undisturbed(s, folder / "whole"), STRATEGIES), strict=True))
        waiting = []
        for number in range(options.searches):
            strategy = STRATEGIES[number % len(STRATEGIES)]
            rng = random.Random(f"{options.seed} {number}")
            out = folder / f"run{number}"
            waiting.append(pool.submit(disturbed, strategy, expected[strategy], out, options.kills, rng))
        with (HERE / "chaos.jsonl").open("w", encoding="utf-8") as file:
            for future in as_completed(waiting):
                records.append(future.result())
                line = {"strategy": records[-1].strategy, "kills": records[-1].kills, "faults": records[-1].faults}
                print(json.dumps(line), file=file, flush=True)
                print(f"{len(records)}/{options.searches} {line}", flush=True)
    command = "python " + " ".join(["results/2026-11-30_chaos/chaos.py", *sys.argv[1:]])
    (HERE / "chaos.md").write_text(summary(records, command), encoding="utf-8")


if __name__ == "__main__":
    main()
