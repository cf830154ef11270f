"""Pulls of recipes, cheap and long, on one data set: what a cheap pull's ranks are worth, and tables to replay on.

Run: python record.py DATA.npz [--recipes 40] [--pull 500x80 ...] [--model quick-resnet-wide] [--replicates 1]

Arms are the free policies of the space `recipe` and recipes drawn evenly from it. Adds a line to pulls.jsonl for every
pull, and leaves out those that are there: it may be stopped at any time. All pulls are judged on the same 1,500
validation images, which are none of those trained on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from policysearch.child.recipe import Recipe
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm
from workers.evaluate import ChildSetup

PULLS = Path(__file__).with_name("pulls.jsonl")
VALIDATION, MOST = 1_500, 300
METRICS = ("accuracy", "loss", "train_accuracy", "cpu_seconds")


def rows(path: Path = PULLS) -> Iterator[dict[str, object]]:
    """The pulls recorded so far."""
    if path.exists():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def recipes() -> list[Arm]:
    """The free policies, then drawn recipes: the same ones in the same order for every data set."""
    space = load_space("recipe")
    file = space.file.model_copy(update={"max_arms": len(space.free) + MOST})
    return list(type(space)(space.name, file, space.fixed).arms(0))


def main() -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--recipes", type=int, default=40)
    parser.add_argument("--pull", nargs="+", default=["500x80"])
    parser.add_argument("--model", default="quick-resnet-wide")
    parser.add_argument("--replicates", type=int, default=1)
    parser.add_argument("--out", type=Path, default=PULLS)
    options = parser.parse_args()

    name = Path(options.data).stem
    handle = str(load(options.data).handle)
    evaluate = ChildSetup(handle, VALIDATION, 0, options.model, Recipe(), "cpu")()
    keys = ("data", "model", "pull", "arm", "replicate")
    done = {tuple(row[key] for key in keys) for row in rows(options.out)}
    arms = recipes()
    wanted = arms[: len(load_space("recipe").free) + options.recipes]
    cells = [(r, arm, pull) for r in range(options.replicates) for arm in wanted for pull in options.pull]
    for replicate, arm, pull in cells:
        key = dict(zip(keys, (name, options.model, pull, arm.key, replicate), strict=True))
        if tuple(key.values()) in done:
            continue
        images, epochs = map(int, pull.split("x"))
        policy = arm.policy.to_json(indent=None)
        loss = arm.loss.to_json() if arm.loss else ""
        trial = Trial(0, arm.key, policy, replicate, child_seed(0, replicate), images, epochs, loss=loss)
        metrics = evaluate(trial)
        row = {**key, "name": arm.name, "parameters": arm.parameters, **{m: metrics[m] for m in METRICS}}
        with options.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
