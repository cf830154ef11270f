"""Pulls of 500 × 80 of the 35 arms of `broad` by another child network, replicate after replicate.

Run: python record.py [--model quick-resnet] [--replicates 3] DATA=SOURCE[:VALIDATION] …, such as
fashion-small=fashion-small cifar10-4000=cifar-9000.npz:5000 (../2026-11-21_tables/README.md says where the second comes
from). Adds a line to pulls.jsonl for every pull, and leaves out those that are there: it may be stopped at any time.
Seeds are those of the recorded tables, so that both networks see the same images in the same order.
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
from workers.evaluate import ChildSetup, Evaluate

PULLS = Path(__file__).with_name("pulls.jsonl")
IMAGES, EPOCHS = 500, 80
METRICS = ("accuracy", "loss", "train_accuracy", "cpu_seconds", "curve")


def rows() -> Iterator[dict[str, object]]:
    """The pulls recorded so far."""
    if PULLS.exists():
        yield from map(json.loads, PULLS.read_text(encoding="utf-8").splitlines())


def evaluation(source: str, model: str) -> Evaluate:
    """What trains one child on the data; `source` may end in the size of the validation part."""
    path, _, validation = source.partition(":")
    handle = str(load(path).handle)
    return ChildSetup(handle, int(validation) if validation else None, 0, model, Recipe(), "cpu")()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--model", default="quick-resnet")
    parser.add_argument("--replicates", type=int, default=3)
    options = parser.parse_args()

    sources = dict(pair.split("=", 1) for pair in options.data)
    evaluations = {name: evaluation(source, options.model) for name, source in sources.items()}
    done = {(row["data"], row["model"], row["arm"], row["replicate"]) for row in rows()}
    arms = load_space("broad").arms(0)
    cells = [(r, arm, name) for r in range(options.replicates) for arm in arms for name in sources]
    for replicate, arm, name in cells:
        key = {"data": name, "model": options.model, "arm": arm.key, "replicate": replicate}
        if tuple(key.values()) in done:
            continue
        policy = arm.policy.to_json(indent=None)
        metrics = evaluations[name](Trial(0, arm.key, policy, replicate, child_seed(0, replicate), IMAGES, EPOCHS))
        with PULLS.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**key, **{metric: metrics[metric] for metric in METRICS}}) + "\n")
        print(name, replicate, arm.name, metrics["accuracy"], flush=True)


if __name__ == "__main__":
    main()
