"""SimSiam with pairs of views weighted by SA#1, by SA#2 and not at all, on equal replicates (Liu et al. 2023, table 4).

Run: python pairs.py [--seeds 5] [--rates 0.05,0.1] [--data fashion-small] [--images 2000] [--epochs 40]. Adds a line to
runs.jsonl for every training and leaves out those that are there, so that it may be stopped at any time and goes on
with more seeds; then prints the tables and writes pairs.md. All weightings of a replicate share subset, first weights,
batch order and every draw of their views, and are trained one after the other.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from policysearch.child.network_registry import recipe_for
from policysearch.child.recipe import Recipe
from policysearch.core.seeds import child_seed
from policysearch.core.tasks import SELF_SUPERVISED, task_named
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.policy.policy import Policy
from policysearch.reports.numbers import PERCENT, probability
from policysearch.stats.paired import student_pair
from workers.evaluate import ChildSetup

HERE = Path(__file__).parent
RUNS = HERE / "runs.jsonl"
REFERENCE = "simsiam"
POLICIES = {REFERENCE: "none", "simsiam-sa1": "SA#1, k = 4", "simsiam-sa2": "SA#2, k = 4"}
METRICS = ("accuracy", "knn_accuracy", "rotation", "loss", "feature_deviation", "augmented_train_loss", "cpu_seconds")
KEY = ("data", "images", "epochs", "rate", "policy", "seed")
NOTES = """
The probe is linear; it and the neighbours are judged on validation. Brackets are 95 % t intervals over seeds, of
differences that are paired within seeds; p is of the two-sided paired t test, not corrected. Cost is the mean over
seeds of processor seconds of a training over those without weights on the same seed. Collapsed trainings are counted,
and their replicate is left out of all means of that table.
"""


def rows() -> list[dict]:
    """The trainings recorded so far."""
    return [json.loads(line) for line in RUNS.read_text(encoding="utf-8").splitlines()] if RUNS.exists() else []


def record(options: argparse.Namespace) -> None:
    """Train what is missing, all weightings and rates of a seed before the next seed."""
    done = {tuple(row[name] for name in KEY) for row in rows()}
    dataset = load(options.data)
    recipe = Recipe(**task_named(SELF_SUPERVISED).recipe)
    for seed in range(options.seeds):
        for rate in options.rates:
            chosen = recipe_for(options.model, recipe).model_copy(update={"rate": rate, "checkpoints": 1})
            evaluate = ChildSetup(str(dataset.handle), None, 0, options.model, chosen, "cpu", task=SELF_SUPERVISED)()
            for number, name in enumerate(POLICIES):
                key = (dataset.name, options.images, options.epochs, rate, name, seed)
                if key in done:
                    continue
                policy = Policy.preset(name)
                arguments = (policy.hash, policy.to_json(indent=None), seed, child_seed(0, seed))
                row = dict(zip(KEY, key, strict=True))
                try:
                    metrics = evaluate(Trial(number, *arguments, options.images, options.epochs))
                    row |= {name: metrics[name] for name in METRICS}
                except RuntimeError as error:
                    row["error"] = str(error)
                with RUNS.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")


def page(options: argparse.Namespace) -> str:
    """A table for each size of training and rate that was recorded."""
    sizes = list(dict.fromkeys(tuple(row[name] for name in KEY[:4]) for row in rows()))
    title = "# Pairs of views weighted by what they share"
    return "\n".join([title, "", *(section(size, options.model) for size in sorted(sizes)), NOTES.strip(), ""])


def section(size: tuple[str, int, int, float], model: str) -> str:
    """One table; without two replicates there is none."""
    data, images, epochs, rate = size
    table = {(row["policy"], row["seed"]): row for row in rows() if tuple(row[name] for name in KEY[:4]) == size}
    numbers = sorted({seed for _, seed in table})
    whole = [seed for seed in numbers if all((name, seed) in table for name in POLICIES)]
    seeds = [seed for seed in whole if not any("error" in table[name, seed] for name in POLICIES)]
    if len(seeds) < 2:
        return ""
    lines = [
        f"## {data}, {images:,} images × {epochs} epochs, rate {rate:g}",
        "",
        f"`{model}`, batch 64, n = {len(seeds)} seeds:",
        "",
        "| pairs | probe | sd | minus none | neighbours | minus none | rotation | deviation | cost | collapsed |",
        "| - " * 10 + "|",
    ]
    for name, title in POLICIES.items():
        values, base = (
            {metric: np.array([table[other, s][metric] for s in seeds]) for metric in METRICS}
            for other in (name, REFERENCE)
        )
        collapsed = sum("error" in table[name, seed] for seed in whole)
        against = ["" if name == REFERENCE else difference(name, m, values, base) for m in METRICS[:2]]
        cost = (values["cpu_seconds"] / base["cpu_seconds"]).mean()
        lines.append(
            f"| {title} | {100 * values['accuracy'].mean():.2f} % | {100 * values['accuracy'].std(ddof=1):.2f} "
            f"| {against[0]} | {100 * values['knn_accuracy'].mean():.2f} % | {against[1]} "
            f"| {100 * values['rotation'].mean():.2f} % | {values['feature_deviation'].mean():.2f} | {cost:.2f} "
            f"| {collapsed} of {len(whole)} |"
        )
    return "\n".join([*lines, ""])


def difference(name: str, metric: str, values: dict, base: dict) -> str:
    """The paired difference, its interval and p."""
    pair = student_pair(name, REFERENCE, values[metric], base[metric], 0)
    return f"{PERCENT.change(pair.difference)}, p {probability(pair.p)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rates", type=lambda text: [float(rate) for rate in text.split(",")], default=[0.05, 0.1])
    parser.add_argument("--data", default="fashion-small")
    parser.add_argument("--model", default="quick-resnet")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    record(options)
    text = page(options)
    (HERE / "pairs.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
