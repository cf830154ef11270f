"""Is the best policy another one when networks begin with weights? Four policies, from random weights and fine-tuned.

Run: python tuning.py SOURCE TARGET [--seeds 6] [--epochs 40]. SOURCE and TARGET are data sets as `--data` takes them:
weights are made on the first, policies compared on the second. Adds a line to runs.jsonl for every training and leaves
out those that are there, so that it may be stopped at any time and goes on with more seeds; then prints the tables and
writes tuning.md. All trainings of a seed share their subset and batch order.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np
import torch

from policysearch.child.device_data import on_device
from policysearch.child.fine_tuning.start import Start, network_factory
from policysearch.child.network_registry import recipe_for
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.child.weights_file import weights_file
from policysearch.core.seeds import child_seed
from policysearch.core.trial import Trial
from policysearch.datasets.config import DataSettings
from policysearch.datasets.dataset import Dataset
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.policy import Policy
from policysearch.reports.numbers import PERCENT, probability
from policysearch.stats.paired import student_pair
from policysearch.stats.ranks import spearman
from workers.evaluate import ChildSetup

HERE = Path(__file__).parent
RUNS = HERE / "runs.jsonl"
POLICIES = ("identity", "flip-crop", "randaugment", "trivialaugment-wide")
STARTS = ("random", "weights")
TITLES = {"random": "from random weights", "weights": "fine-tuned"}
KEY = ("target", "images", "epochs", "start", "source", "rate", "layer_decay", "policy", "seed")
NOTES = """
Accuracy is that of the validation part after the last epoch. Brackets are 95 % t intervals over seeds, of differences
that are paired within seeds; p is of the two-sided paired t test, not corrected. The last column is the difference of
the two gains over `identity`: it is not 0 where a policy is worth another amount to networks that begin with weights.
"""


def rows() -> list[dict]:
    """The trainings recorded so far."""
    return [json.loads(line) for line in RUNS.read_text(encoding="utf-8").splitlines()] if RUNS.exists() else []


def data_of(options: argparse.Namespace, name: str) -> Dataset:
    return load(DataSettings(data=name, resize="32"))


def source_of(options: argparse.Namespace) -> str:
    """How the weights are trained, for tables and the name of their file."""
    return f"{options.source_images}x{options.source_epochs}"


def weights_of(options: argparse.Namespace) -> Path:
    return HERE / f"source-{source_of(options)}.pt"


def make_weights(options: argparse.Namespace) -> None:
    """Train a network on the source with flips and crops, and write it as `policysearch online` does."""
    torch.set_num_threads(1)
    dataset = data_of(options, options.source)
    data = on_device(dataset, split(dataset, None, 0), torch.device("cpu"))
    factory, _ = network_factory(options.model, dataset.shape, len(dataset.classes))
    names = {"model": options.model, "shape": dataset.shape, "classes": tuple(dataset.classes)}
    metrics = train(
        Policy.preset("flip-crop"),
        data,
        factory,
        images=min(options.source_images, len(data.train)),
        epochs=options.source_epochs,
        seed=0,
        recipe=recipe_for(options.model),
        keep=lambda network: weights_file(network, data, **names).save(weights_of(options)),
    )
    print(f"weights: {metrics['accuracy']:.3f} on the validation part of {dataset.name}", flush=True)


def recipe_of(options: argparse.Namespace, start: str) -> Recipe:
    """The defaults of `--weights`, or of none; `--rate` and `--layer-decay` change those of fine-tuning."""
    recipe = recipe_for(options.model, fine_tuned=start == "weights")
    changes = {"rate": options.rate, "layer_decay": options.layer_decay} if start == "weights" else {}
    return recipe.model_copy(update={"checkpoints": 1, **{k: v for k, v in changes.items() if v is not None}})


def record(options: argparse.Namespace) -> None:
    """Train what is missing, all policies and both starts of a seed before the next seed."""
    done = {tuple(row[name] for name in KEY) for row in rows()}
    dataset = data_of(options, options.target)
    starts = {"random": None, "weights": Start.of(str(weights_of(options)))}
    recipes = {start: recipe_of(options, start) for start in options.starts}
    setups = {
        start: ChildSetup(str(dataset.handle), None, 0, options.model, recipe, "cpu", start=starts[start])()
        for start, recipe in recipes.items()
    }
    for seed, name, start in product(range(options.seeds), options.policies, options.starts):
        recipe = recipes[start]
        size = (dataset.name, options.images, options.epochs)
        source = "" if start == "random" else source_of(options)
        key = (*size, start, source, recipe.rate, recipe.layer_decay, name, seed)
        if key in done:
            continue
        policy = Policy.preset(name)
        arguments = (policy.hash, policy.to_json(indent=None), seed, child_seed(0, seed))
        metrics = setups[start](Trial(seed, *arguments, options.images, options.epochs))
        row = {**dict(zip(KEY, key, strict=True)), "accuracy": metrics["accuracy"], "loss": metrics["loss"]}
        with RUNS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def page(options: argparse.Namespace) -> str:
    """A table for every size of training and recipe of fine-tuning that was recorded, with the same random starts."""
    tuned = [row for row in rows() if row["start"] == "weights"]
    sizes = sorted({tuple(row[name] for name in (*KEY[:3], "source", "rate", "layer_decay")) for row in tuned})
    sections = [section(size[:3], size[3:], options.model) for size in sizes]
    return "\n".join(["# Policies for networks that begin with weights", "", *sections, NOTES.strip(), ""])


def section(size: tuple[str, int, int], recipe: tuple[str, float, float], model: str) -> str:
    """One table: each policy's accuracy with both starts, its gains over none, and the difference of these."""
    table = {
        (row["start"], row["policy"], row["seed"]): row["accuracy"]
        for row in rows()
        if tuple(row[name] for name in KEY[:3]) == size
        and (row["start"] == "random" or (row["source"], row["rate"], row["layer_decay"]) == recipe)
    }
    every = list(product(STARTS, POLICIES))
    seeds = [seed for seed in sorted({key[2] for key in table}) if all((*pair, seed) in table for pair in every)]
    if len(seeds) < 2:
        return ""
    values = {pair: np.array([table[(*pair, seed)] for seed in seeds]) for pair in every}
    target, images, epochs = size
    source, rate, layer_decay = recipe
    heads = " | ".join(f"{TITLES[start]} | minus none" for start in STARTS)
    lines = [
        f"## {target}, {images:,} images × {epochs} epochs: weights of {source}, rate {rate:g}, decay {layer_decay:g}",
        "",
        f"`{model}`, n = {len(seeds)} seeds:",
        "",
        f"| policy | {heads} | difference of the gains |",
        "| - " * 6 + "|",
        *(line(name, values) for name in POLICIES),
        "",
        ranking(values),
        "",
    ]
    return "\n".join(lines)


def line(name: str, values: dict) -> str:
    """A policy's row."""
    cells = []
    for start in STARTS:
        ours, none = values[start, name], values[start, "identity"]
        cells.append(f"{100 * ours.mean():.1f} % (sd {100 * ours.std(ddof=1):.1f})")
        cells.append("" if name == "identity" else difference(ours, none))
    gains = [values[start, name] - values[start, "identity"] for start in STARTS]
    cells.append("" if name == "identity" else difference(gains[1], gains[0]))
    return f"| {name} | " + " | ".join(cells) + " |"


def difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """The paired difference, its interval and p."""
    pair = student_pair("", "", ours, theirs, 0)
    return f"{PERCENT.change(pair.difference)}, p {probability(pair.p)}"


def ranking(values: dict) -> str:
    """The best policy of each start, and how alike the orders are."""
    means = {start: np.array([values[start, name].mean() for name in POLICIES]) for start in STARTS}
    best = {start: POLICIES[int(means[start].argmax())] for start in STARTS}
    rho = float(spearman(means["random"], means["weights"]))
    first, second = values["weights", best["weights"]], values["weights", best["random"]]
    text = f"Best: `{best['random']}` from random weights, `{best['weights']}` fine-tuned; rank correlation {rho:.2f}."
    if best["random"] == best["weights"]:
        return text
    return f"{text} Fine-tuned, the second is better than the first by {difference(first, second)}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--model", default="quick-resnet")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--source-images", type=int, default=6000)
    parser.add_argument("--source-epochs", type=int, default=60)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--layer-decay", type=float)
    parser.add_argument("--policies", type=lambda text: text.split(","), default=POLICIES)
    parser.add_argument("--starts", type=lambda text: text.split(","), default=STARTS)
    options = parser.parse_args()
    if not weights_of(options).exists():
        make_weights(options)
    record(options)
    text = page(options)
    (HERE / "tuning.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
