"""Pulls of the twenty arms of `default` on the shipped data with the metrics that the recorded tables lack.

Run: python record.py [--replicates 3] [--long 1] [--seconds 1500]. Adds a line to pulls.jsonl for every pull, and
leaves out those that are there: it may be stopped at any time, as it stops by itself after so many processor seconds.
One core and one thread. The order is three replicates at 500 × 80, then long trainings of 4,000 × 40, then further
cheap replicates.

Seeds, images and arms are those of ../2026-11-21_tables/fashion-small.parquet, whose ten long trainings of each arm
are the truth in judge.py.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policysearch.child.recipe import Recipe
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.policy.space_files import load_space
from workers.evaluate import ChildSetup

PULLS = Path(__file__).with_name("pulls.jsonl")
CHEAP, LONG = (500, 80), (4000, 40)
FIRST = 3
"""Replicates that are recorded before the long trainings."""


def rows() -> Iterator[dict[str, Any]]:
    """The pulls recorded so far."""
    if PULLS.exists():
        yield from map(json.loads, PULLS.read_text(encoding="utf-8").splitlines())


def cells(replicates: int, long: int) -> Iterator[tuple[tuple[int, int], int]]:
    """Size and replicate of the pulls of every arm, in the order in which they are recorded."""
    yield from ((CHEAP, replicate) for replicate in range(min(FIRST, replicates)))
    yield from ((LONG, replicate) for replicate in range(long))
    yield from ((CHEAP, replicate) for replicate in range(FIRST, replicates))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--long", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1500.0)
    options = parser.parse_args()

    handle = str(load("fashion-small").handle)
    evaluate = ChildSetup(handle, None, 0, "small-resnet", Recipe(), "cpu", further=("auroc",))()
    done = {(row["arm"], row["images"], row["epochs"], row["replicate"]) for row in rows()}
    arms = load_space("default").arms(0)
    for (images, epochs), replicate in cells(options.replicates, options.long):
        for arm in arms:
            key = {"arm": arm.key, "images": images, "epochs": epochs, "replicate": replicate}
            if tuple(key.values()) in done or time.process_time() > options.seconds:
                continue
            policy = arm.policy.to_json(indent=None)
            metrics = evaluate(Trial(0, arm.key, policy, replicate, child_seed(0, replicate), images, epochs))
            kept = {name: value for name, value in metrics.items() if name not in ("curve", "reliability")}
            with PULLS.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**key, "name": arm.name, **kept}) + "\n")


if __name__ == "__main__":
    main()
