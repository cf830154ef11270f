"""Policies that adapt to each image, compared with fixed ones on the same replicates: accuracy and cost.

Run: python adaptive.py [--seeds 3] [--data fashion-small] [--images 4000] [--epochs 40]. Adds a line to runs.jsonl for
every training and leaves out those that are there, so that it may be stopped at any time and goes on with more seeds;
then prints the table and writes adaptive.md. All policies of a replicate share subset, first weights and batch order,
and are trained one after the other, so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from policysearch.child.recipe import Recipe
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.policy import Policy
from policysearch.reports.numbers import PERCENT, probability
from policysearch.stats.paired import student_pair
from workers.evaluate import ChildSetup

HERE = Path(__file__).parent
RUNS = HERE / "runs.jsonl"
REFERENCE, CONTROL = "randaugment:2,9", "trivialaugment"
POLICIES = (
    REFERENCE,
    "flip-crop",
    "trivialaugment-wide",
    "trivialaugment",
    "entaugment",
    "adaaugment",
    "sample-aware-randaugment",
)
METRICS = ("accuracy", "loss", "ece", "train_accuracy", "cpu_seconds", "magnitude_share")
NOTES = """
Brackets are 95 % t intervals over seeds, of differences that are paired within seeds; p is of the two-sided paired t
test, not corrected. Cost is the mean over seeds of processor seconds of a training over those of RandAugment(2, 9) on
the same seed. The share is where in their ranges magnitudes lay in the last epoch, on average, those drawn evenly left
out. `trivialaugment` has the operations and ranges of `entaugment` and `adaaugment`, and draws their magnitudes evenly.
"""


def rows() -> list[dict]:
    """The trainings recorded so far."""
    return [json.loads(line) for line in RUNS.read_text(encoding="utf-8").splitlines()] if RUNS.exists() else []


def record(options: argparse.Namespace) -> None:
    """Train what is missing."""
    done = {(row["data"], row["images"], row["epochs"], row["policy"], row["seed"]) for row in rows()}
    evaluate = ChildSetup(str(load(options.data).handle), None, 0, "small-resnet", Recipe(), "cpu")()
    for seed in range(options.seeds):
        for number, name in enumerate(POLICIES):
            key = (options.data, options.images, options.epochs, name, seed)
            if key in done:
                continue
            policy = Policy.preset(name)
            arguments = (policy.hash, policy.to_json(indent=None), seed, child_seed(0, seed))
            trial = Trial(number, *arguments, options.images, options.epochs)
            metrics = evaluate(trial)
            row = dict(zip(("data", "images", "epochs", "policy", "seed"), key, strict=True))
            with RUNS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row | {name: metrics[name] for name in METRICS if name in metrics}) + "\n")


def page() -> str:
    """A table for each size of training that was recorded, over the replicates that every policy has."""
    sizes = list(dict.fromkeys((row["data"], row["images"], row["epochs"]) for row in rows()))
    return "\n".join(["# Policies that adapt to each image", "", *map(section, sizes), NOTES.strip(), ""])


def section(size: tuple[str, int, int]) -> str:
    """One table; without two replicates there is none."""
    data, images, epochs = size
    table = {(row["policy"], row["seed"]): row for row in rows() if (row["data"], row["images"], row["epochs"]) == size}
    numbers = sorted({seed for _, seed in table})
    seeds = [seed for seed in numbers if all((name, seed) in table for name in POLICIES)]
    if len(seeds) < 2:
        return ""
    values = {
        metric: {name: np.array([table[name, s].get(metric, np.nan) for s in seeds]) for name in POLICIES}
        for metric in METRICS
    }
    count = len(split(load(data), None, 0).validation)
    lines = [
        f"## {data}, {images:,} images × {epochs} epochs",
        "",
        f"`small-resnet`, {count:,} validation images, n = {len(seeds)} seeds:",
        "",
        f"    python adaptive.py --seeds {len(seeds)} --data {data} --images {images} --epochs {epochs}",
        "",
        "| policy | accuracy | sd | minus RandAugment(2, 9) | minus trivialaugment | ECE | cost | share |",
        "| - " * 8 + "|",
    ]
    for name in POLICIES:
        accuracy = values["accuracy"][name]
        against = [
            "" if name == other else difference(name, other, accuracy, values["accuracy"][other], count)
            for other in (REFERENCE, CONTROL)
        ]
        cost = (values["cpu_seconds"][name] / values["cpu_seconds"][REFERENCE]).mean()
        share = values["magnitude_share"][name].mean()
        lines.append(
            f"| {name} | {100 * accuracy.mean():.2f} % | {100 * accuracy.std(ddof=1):.2f} | {' | '.join(against)} "
            f"| {100 * values['ece'][name].mean():.2f} % | {cost:.2f} | {'' if np.isnan(share) else f'{share:.2f}'} |"
        )
    return "\n".join([*lines, ""])


def difference(name: str, other: str, one: np.ndarray, reference: np.ndarray, images: int) -> str:
    """The paired difference, its interval and p."""
    pair = student_pair(name, other, one, reference, images)
    return f"{PERCENT.change(pair.difference)}, p {probability(pair.p)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", default="fashion-small")
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    record(options)
    text = page()
    (HERE / "adaptive.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
