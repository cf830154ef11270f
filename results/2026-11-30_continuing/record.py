"""Read-outs of trunks on the way from 9 to 27 to 80 epochs, of the 35 arms of `broad`, replicate after replicate.

Run: python record.py [--replicates 3] [--seconds 600] DATA=SOURCE[:VALIDATION] …, such as fashion-small=fashion-small
cifar10-4000=cifar-9000.npz:5000 (../2026-11-21_tables/README.md says where the second comes from). Adds a line to
readouts.jsonl for every child, and leaves out those that are there: it may be stopped at any time, as it stops by
itself after so many seconds. One core; some 8 processor seconds a child, 35 minutes for three replicates of both.

Seeds and images are those of the recorded one-cycle pulls of 500 × 80, so that both see the same children but for
their rates. A child is one lineage: it is trained to 9 epochs, then continued to 27 and to 80, and read out at each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policysearch.child.checkpoint_store import Checkpointing, CheckpointStore, FolderFiles
from policysearch.child.recipe import Recipe
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm
from workers.evaluate import ChildSetup, Evaluate

FILE = Path(__file__).with_name("readouts.jsonl")
IMAGES, RUNGS = 500, (9, 27, 80)
LIMIT = 500.0  # megabytes; a lineage needs one


def rows() -> Iterator[dict[str, Any]]:
    """The children recorded so far."""
    if FILE.exists():
        yield from map(json.loads, FILE.read_text(encoding="utf-8").splitlines())


def evaluation(source: str, folder: Path) -> Evaluate:
    """What trains children on the data; `source` may end in the size of the validation part."""
    path, _, validation = source.partition(":")
    keeping = Checkpointing(CheckpointStore(FolderFiles(folder, LIMIT)), 0.0, True)
    size = int(validation) if validation else None
    recipe = Recipe(schedule="trunk", checkpoints=1)
    return ChildSetup(str(load(path).handle), size, 0, "small-resnet", recipe, "cpu", checkpoints=keeping)()


def lineage(evaluate: Evaluate, arm: Arm, replicate: int) -> list[dict[str, float]]:
    """What a child is read out as at each rung, and what that took."""
    policy, seed = arm.policy.to_json(indent=None), child_seed(0, replicate)
    readings: list[dict[str, float]] = []
    origin: dict[str, Any] = {}
    for number, epochs in enumerate(RUNGS):
        begun = time.process_time()
        metrics = evaluate(Trial(number, arm.key, policy, replicate, seed, IMAGES, epochs, **origin))
        reading = {name: metrics[name] for name in ("accuracy", "loss", "trained_epochs", "read_out_epochs")}
        readings.append({"epochs": epochs, "cpu_seconds": round(time.process_time() - begun, 3), **reading})
        assert "checkpoint_lost" not in metrics, metrics["checkpoint_lost"]
        origin = {"parent": number, "begin": epochs, "checkpoint": metrics["checkpoint"]}
    return readings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()

    end = time.monotonic() + options.seconds
    done = {(row["data"], row["arm"], row["replicate"]) for row in rows()}
    arms = load_space("broad").arms(0)
    with tempfile.TemporaryDirectory() as folder:
        sources = dict(pair.split("=", 1) for pair in options.data)
        evaluations = {name: evaluation(source, Path(folder, name)) for name, source in sources.items()}
        for replicate, arm, name in (
            (r, arm, name) for r in range(options.replicates) for arm in arms for name in sources
        ):
            if (name, arm.key, replicate) in done or time.monotonic() > end:
                continue
            row = {"data": name, "arm": arm.key, "name": arm.name, "replicate": replicate}
            row["readings"] = lineage(evaluations[name], arm, replicate)
            with FILE.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
