"""`density` against `ucb` at equal cost: python density.py [--runs N] [--out FOLDER] writes density.md here.

Each run is a search by `density` in the space `autoaugment`, and searches by `ucb` in the spaces `autoaugment` and
`default` with as many pulls as cost the same processor time. What they find is not confirmed, and is judged once on the
test part together with the fixed policies, on replicates that all share. The same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import warnings
from pathlib import Path
from statistics import fmean, stdev

from policysearch import EvaluateSettings, SearchConfig, evaluate
from policysearch.experiments.search.run import resume, search
from policysearch.study.config import make_config

HERE = Path(__file__).parent
FIXED = ("identity", "flip-crop", "randaugment", "trivialaugment-wide")
FOLDS = 5
METHODS = {
    "density, space autoaugment": ("density", "autoaugment"),
    "ucb, space autoaugment": ("ucb", "autoaugment"),
    "ucb, space default": ("ucb", "default"),
}


def config(arguments: argparse.Namespace, strategy: str, space: str, seed: int, trials: int) -> SearchConfig:
    """A search of the comparison, in a folder of its own."""
    return make_config(
        {
            "data": arguments.data,
            "strategy": strategy,
            "space": space,
            "seed": seed,
            "trials": trials,
            "images": arguments.images,
            "epochs": arguments.epochs,
            "confirm": 0,
            "workers": arguments.workers,
            "out": str(arguments.out / f"{strategy}-{space}-{seed}"),
        }
    )


def ended(settings: SearchConfig) -> Path:
    """The folder of a search, run or continued where it is not finished."""
    folder = Path(str(settings.out))
    if not (folder / "config.toml").exists():
        search(settings)
    elif not (folder / "policy.json").exists():
        resume(folder)
    return folder


def processor_seconds(folder: Path) -> list[float]:
    """Of each trial of a search, in order."""
    with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        return [float(row["cpu_seconds"]) for row in csv.DictReader(file)]


def searches(arguments: argparse.Namespace) -> tuple[dict[str, list[Path]], list[int]]:
    """The folders by method, one a run, and the pulls that ucb had in each run."""
    folders: dict[str, list[Path]] = {name: [] for name in METHODS}
    pulls = []
    for seed in range(arguments.runs):
        trials = FOLDS + FOLDS * 2 * arguments.evaluations
        density = ended(config(arguments, "density", "autoaugment", seed, trials))
        spent = processor_seconds(density)
        pulls.append(max(1, round(sum(spent) / fmean(spent[:FOLDS]))))
        for name, (strategy, space) in METHODS.items():
            count = trials if strategy == "density" else pulls[-1]
            folders[name].append(ended(config(arguments, strategy, space, seed, count)))
    return folders, pulls


def judged(arguments: argparse.Namespace, folders: dict[str, list[Path]]) -> dict[str, float]:
    """Mean test accuracy, in percent, by the hash of a policy, and of the fixed ones by name."""
    first, *others = [folder / "policy.json" for of_method in folders.values() for folder in of_method]
    settings = EvaluateSettings(against=",".join(FIXED), also=",".join(map(str, others)), seeds=arguments.seeds)
    out = arguments.out / f"test-{arguments.runs}-{arguments.seeds}"
    values = {name: getattr(arguments, name) for name in ("data", "images", "epochs", "workers")}
    evaluate(first, settings, {**values, "out": str(out)})
    accuracies: dict[str, list[float]] = {}
    with (out / "trials.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            # A search may find a fixed policy, which is then known by its hash too.
            for key in {row["arm"], row["policy"]} & {*FIXED, row["arm"]}:
                accuracies.setdefault(key, []).append(100 * float(row["test_accuracy"]))
    return {key: fmean(values) for key, values in accuracies.items()}


def spread(values: list[float]) -> str:
    """`mean ± deviation`, without a deviation of one value."""
    return f"{fmean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


def page(arguments: argparse.Namespace) -> str:
    """The table, with what was run."""
    folders, pulls = searches(arguments)
    means = judged(arguments, folders)
    rows = []
    for name, of_method in folders.items():
        hashes = [json.loads((folder / "policy.json").read_text(encoding="utf-8"))["hash"] for folder in of_method]
        spent = [sum(processor_seconds(folder)) for folder in of_method]
        accuracies = [means[key] for key in hashes]
        listed = ", ".join(f"{accuracy:.2f}" for accuracy in accuracies)
        rows.append(f"| {name} | {spread(accuracies)} | {listed} | {spread(spent)} |")
    rows += [f"| {name} | {means[name]:.2f} | – | 0 |" for name in FIXED]
    trials = FOLDS + FOLDS * 2 * arguments.evaluations
    return "\n".join(
        [
            f"{arguments.runs} searches of each kind on {arguments.data}, {arguments.images} images × "
            f"{arguments.epochs} epochs a training. `density` has {FOLDS} trainings and {trials - FOLDS} evaluations; "
            f"`ucb` at the same processor time {', '.join(map(str, pulls))} pulls. Every policy is judged on the test "
            f"part by {arguments.seeds} networks of the same size, on replicates that all share.",
            "",
            "| found by | test accuracy [%]: mean ± deviation over searches | of each search | CPU-s of a search |",
            "| - | - | - | - |",
            *rows,
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=4, help="networks that judge each policy")
    parser.add_argument("--evaluations", type=int, default=20, help="of each of the two rounds of a fold")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", default="fashion-small")
    parser.add_argument("--out", type=Path, default=Path("density-searches"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    text = page(arguments)
    print(text)
    (HERE / "density.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
