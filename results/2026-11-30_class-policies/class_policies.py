"""Policies that differ by class, and targets spread by confusion, against the same policies without, on test images.

Run: python class_policies.py [--seeds 8] [--data fashion-small] [--images 500] [--epochs 40]. First measures the
confusion as a search does (confusion.json); then adds a line to runs.jsonl for every training and leaves out those that
are there, so that it may be stopped at any time and goes on with more seeds; then prints the tables, with what drawing
by class costs, and writes class-policies.md. All policies of a replicate share subset, first weights and batch order.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch

from policysearch.augmentation import augment
from policysearch.child.confusion_task import confusion_task
from policysearch.child.recipe import Recipe
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.policy.classes import with_classes
from policysearch.policy.policy import Policy
from policysearch.policy.softening import Softening
from policysearch.reports.numbers import PERCENT, probability
from policysearch.stats.paired import student_pair
from workers.evaluate import ChildSetup

HERE = Path(__file__).parent
RUNS, CONFUSION = HERE / "runs.jsonl", HERE / "confusion.json"
SHOES = ("sandal", "sneaker", "boot")
"""Parts of the names of classes whose pictures all face left."""
COMPARED = (
    ("flip-crop, shoes not flipped", "flip-crop"),
    ("even", "hard"),
    ("confusion", "hard"),
    ("confusion", "even"),
)
METRICS = ("test_accuracy", "test_loss", "test_ece")
NOTES = """
Brackets are 95 % t intervals over seeds, of differences that are paired within seeds; p is of the two-sided paired t
test, not corrected for the number of lines. `hard`, `even` and `confusion` are flip and soft crop (σ 0.3) with targets
hard, softened (k 2, equation 4) with the rest shared evenly, and shared by the confusion. The confusion is counted on
validation images, which a search's rewards come from; what is compared here is judged on test images, which it has not
seen.
"""


@cache
def names(data: str) -> tuple[str, ...]:
    """The classes of the data."""
    return tuple(load(data).classes)


def shoes(data: str) -> list[str]:
    """The classes whose pictures face one way."""
    return [name for name in names(data) if any(part in name.lower() for part in SHOES)]


def policies(data: str, confusion: dict[str, dict[str, float]]) -> dict[str, Policy]:
    """What is compared, by name."""
    flipped, crop = Policy.preset("flip-crop"), Policy.preset("soft-crop")
    (sub,) = flipped.sub_policies
    unflipped = Policy(sub_policies=[{"steps": [step for step in sub.steps if step.operation != "flip-horizontal"]}])
    counted = Softening(k=2, spread="confusion", confusion=confusion)
    return {
        "flip-crop": flipped,
        "flip-crop, shoes not flipped": with_classes(flipped, dict.fromkeys(shoes(data), unflipped)),
        "hard": crop.model_copy(update={"softening": None}),
        "even": crop.model_copy(update={"softening": Softening(k=2)}),
        "confusion": crop.model_copy(update={"softening": counted}),
    }


def rows() -> list[dict]:
    """The trainings recorded so far."""
    return [json.loads(line) for line in RUNS.read_text(encoding="utf-8").splitlines()] if RUNS.exists() else []


def record(options: argparse.Namespace) -> None:
    """Measure the confusion, then train what is missing."""
    evaluate = ChildSetup(str(load(options.data).handle), None, 0, "small-resnet", Recipe(), "cpu", test=True)()
    if not CONFUSION.exists():
        plain = Policy.preset("identity")
        text = plain.to_json(indent=None)
        seed = child_seed(0, 5_000_000)
        trial = Trial(0, plain.hash, text, 0, seed, options.images, options.epochs, task=confusion_task())
        own = names(options.data)
        counts = evaluate(trial)["mistakes"]
        by_name = {own[true]: {own[other]: n for other, n in row.items()} for true, row in counts.items()}
        CONFUSION.write_text(json.dumps(by_name, indent=1) + "\n", encoding="utf-8")

    compared = policies(options.data, json.loads(CONFUSION.read_text(encoding="utf-8")))
    done = {(row["policy"], row["seed"]) for row in rows() if size_of(row) == size_of(vars(options))}
    for seed in range(options.seeds):
        for number, (name, policy) in enumerate(compared.items()):
            if (name, seed) in done:
                continue
            arguments = (policy.hash, policy.to_json(indent=None), seed, child_seed(0, seed))
            metrics = evaluate(Trial(number, *arguments, options.images, options.epochs))
            row = {"data": options.data, "images": options.images, "epochs": options.epochs}
            row |= {"policy": name, "seed": seed, "cpu_seconds": metrics["cpu_seconds"]}
            row |= {"class_counts": metrics["test_class_counts"]} | {metric: metrics[metric] for metric in METRICS}
            with RUNS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def size_of(row: dict) -> tuple[str, int, int]:
    """Data, images and epochs of a training."""
    return row["data"], row["images"], row["epochs"]


def page(options: argparse.Namespace) -> str:
    """The tables, over the replicates that every policy has."""
    table = {(row["policy"], row["seed"]): row for row in rows() if size_of(row) == size_of(vars(options))}
    compared = list(dict.fromkeys(name for name, _ in table))
    seeds = [s for s in sorted({s for _, s in table}) if all((name, s) in table for name in compared)]
    lines = [
        "# Policies that differ by class",
        "",
        f"{options.data}, {options.images:,} images × {options.epochs} epochs, `small-resnet`, n = {len(seeds)} seeds.",
        "",
        "| policy | test accuracy | sd | of shoes | loss | ECE |",
        "| - " * 6 + "|",
    ]
    values = {name: [table[name, seed] for seed in seeds] for name in compared}
    of_shoes_alone = accuracy_of(shoes(options.data))
    for name in compared:
        accuracy = np.array([row["test_accuracy"] for row in values[name]])
        of_shoes, loss, ece = (
            np.mean([of_row(row) for row in values[name]])
            for of_row in (
                lambda row: accuracy_of(shoes(options.data))(row)[0],
                lambda row: row["test_loss"],
                lambda row: row["test_ece"],
            )
        )
        lines.append(
            f"| {name} | {100 * accuracy.mean():.2f} % | {100 * accuracy.std(ddof=1):.2f} | {100 * of_shoes:.2f} % "
            f"| {loss:.3f} | {100 * ece:.2f} % |"
        )
    lines += ["", "| difference | test accuracy | of shoes | ECE |", "| - " * 4 + "|"]
    of_metrics = (accuracy_of(names(options.data)), of_shoes_alone, lambda row: (row["test_ece"], 0))
    for name, other in COMPARED:
        cells = [difference(values, name, other, of_metric) for of_metric in of_metrics]
        lines.append(f"| {name} minus {other} | {' | '.join(cells)} |")
    return "\n".join([*lines, NOTES, cost(options)])


def accuracy_of(classes: Sequence[str]) -> Callable[[dict], tuple[float, int]]:
    """From a training to the share of some classes' test images that were predicted right, and their number."""

    def accuracy(row: dict) -> tuple[float, int]:
        counts = np.array([row["class_counts"][names(row["data"]).index(name)] for name in classes])
        return float(counts[:, 0].sum() / counts[:, 1].sum()), int(counts[:, 1].sum())

    return accuracy


def difference(
    values: dict[str, list[dict]], name: str, other: str, of_metric: Callable[[dict], tuple[float, int]]
) -> str:
    """The paired difference, its interval, not below that of counting images, and p."""
    images = of_metric(values[name][0])[1]
    one, reference = (np.array([of_metric(row)[0] for row in values[policy]]) for policy in (name, other))
    pair = student_pair(name, other, one, reference, images)
    return f"{PERCENT.change(pair.difference)}, p {probability(pair.p)}"


def cost(options: argparse.Namespace) -> str:
    """Processor time of a batch of 128 with and without classes, as a table."""
    dataset = load(options.data)
    images, labels = torch.from_numpy(dataset.x_train[:128].copy()), torch.from_numpy(dataset.y_train[:128].copy())
    wide, crop = Policy.preset("trivialaugment-wide"), Policy.preset("flip-crop")
    kinds = {
        "one policy": wide,
        "two classes share another": with_classes(wide, {0: crop, 1: crop}),
        "three others": with_classes(wide, {0: crop, 1: Policy.preset("identity"), 2: Policy.preset("randaugment")}),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    torch.set_num_threads(1)
    for _ in range(12):
        for name, policy in kinds.items():
            generator, start = torch.Generator().manual_seed(0), time.process_time()
            for _ in range(20):
                augment(policy, images, labels, num_classes=len(dataset.classes), generator=generator)
            times[name].append((time.process_time() - start) / 20)
    lines = ["| TrivialAugment (wide) on a batch of 128 | processor time |", "| - | - |"]
    lines += [f"| {name} | {1e3 * min(values[2:]):.2f} ms |" for name, values in times.items()]
    return "\n".join([*lines, "", "The least of ten interleaved rounds of 20 batches, one thread.", ""])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--data", default="fashion-small")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    record(options)
    text = page(options)
    (HERE / "class-policies.md").write_text(text, encoding="utf-8")
    print(text)
