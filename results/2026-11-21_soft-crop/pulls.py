"""Trainings of a few policies, a line each: python pulls.py OUT.jsonl DATA VALIDATION IMAGESxEPOCHS SEEDS POLICY …

VALIDATION is 0 for the default split. The same command goes on. Replicate j has the seed of replicate j in a recorded
table of study seed 0, so the two pair.
"""

from __future__ import annotations

import json
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from policysearch import Policy
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from workers.evaluate import ChildSetup

_setup: Any = None


def begin(data: str, validation: int | None) -> None:
    """Open the data in a worker."""
    global _setup
    from policysearch.child.recipe import Recipe

    _setup = ChildSetup(load(data).handle, validation, 0, "small-resnet", Recipe(), "cpu")()


def trained(trial: Trial) -> dict[str, Any]:
    """A line of the file."""
    policy = json.loads(trial.policy)
    told = {"policy": trial.arm, "name": policy["name"], "replicate": trial.replicate}
    return {**told, "images": trial.images, "epochs": trial.epochs, **_setup(trial)}


def main(out: str, data: str, validation: str, size: str, seeds: str, *policies: str) -> None:
    path, (images, epochs) = Path(out), map(int, size.split("x"))
    lines = path.read_text().splitlines() if path.exists() else []
    had = {(line["policy"], line["replicate"]) for line in map(json.loads, lines)}
    chosen = [Policy.load(p) if p.endswith(".json") else Policy.preset(p) for p in policies]
    todo = [
        Trial(0, p.hash, p.to_json(None), j, child_seed(0, j), images, epochs)
        for j in range(int(seeds))
        for p in chosen
        if (p.hash, j) not in had
    ]
    with get_context("spawn").Pool(2, begin, (data, int(validation) or None)) as pool, path.open("a") as file:
        for line in pool.imap_unordered(trained, todo):
            file.write(json.dumps(line) + "\n")
            file.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
