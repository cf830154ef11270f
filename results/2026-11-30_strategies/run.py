"""Every strategy at about the cost of twelve long trainings, and what its policy is worth on the test part.

Run: python run.py --data fashion-small --long 4000x40 --seeds 1 --evaluate 5 --out OUT [--model quick-resnet]. Runs the
searches of `searches.toml` one after the other, then one `policysearch evaluate` that trains all their policies side by
side with the fixed ones on shared replicates, and writes OUT/table.md. It may be stopped: the same command goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from policysearch.policy.policy import Policy

SEARCHES = Path(__file__).with_name("searches.toml")
"""Words of a command by name of a strategy; {images} and {epochs} are those of a long training."""
FIXED = (
    "identity,flip-crop,randaugment,flip+randaugment,trivialaugment-wide,entaugment,adaaugment,sample-aware-randaugment"
)


@dataclass(frozen=True)
class Long:
    """A long training, the unit of cost."""

    images: int
    epochs: int

    @classmethod
    def read(cls, text: str) -> Long:
        images, epochs = map(int, text.split("x"))
        return cls(images, epochs)


def policysearch(*words: str) -> None:
    """Run a command; its output is this program's own.

    Raises:
        CalledProcessError: it failed.
    """
    subprocess.run([sys.executable, "-m", "policysearch", *words], check=True)


def search(name: str, words: list[str], common: list[str], seed: int, out: Path) -> Path:
    """Run or go on with one search; its folder."""
    folder = out / f"{name}-{seed}"
    if (folder / "policy.json").exists():
        return folder
    if words[0] == "search" and (folder / "config.toml").exists():
        policysearch("resume", str(folder))
    else:
        policysearch(*words, *common, "--seed", str(seed), "--out", str(folder))
    return folder


def cost(folder: Path, long: Long, words: list[str]) -> float:
    """Long trainings that a search's trials amount to, by the epochs that were really trained."""
    if words[0] == "online":
        width = re.search(r"policies=(\d+)", " ".join(words))
        return float(width[1]) if width else 1.0
    with (folder / "trials.csv").open(encoding="utf-8") as file:
        return sum(_trained(row) for row in csv.DictReader(file)) / (long.images * long.epochs)


def _trained(row: dict[str, str]) -> float:
    epochs = float(row.get("trained_epochs") or row["epochs"]) + float(row.get("read_out_epochs") or 0)
    return float(row["images"]) * epochs


def renamed(folder: Path, name: str) -> Path:
    """A copy of a search's policy under the name of its strategy and seed."""
    policy = Policy.load(folder / "policy.json")
    path = folder.with_suffix(".json")
    policy.model_copy(update={"name": name}).save(path)
    return path


def same_policy(path: Path, others: list[Path]) -> str:
    """A fixed policy, or that of another search, which a search ended with too; empty where there is none."""
    policy = Policy.load(path)
    named = {Policy.load(other).hash: Policy.load(other).name for other in reversed(others)}
    return (named | {Policy.preset(name).hash: name for name in FIXED.split(",")}).get(policy.hash, "")


def table(out: Path, costs: dict[str, float], advice: dict[str, str]) -> Iterator[str]:
    """The lines of the table, best mean first.

    Args:
        out: holds the evaluation.
        costs: long trainings by name of a policy; one that is not there was free.
        advice: by name of a search the policy of another name that it ended with; empty where it found one of its own.
    """
    found = json.loads((out / "evaluation" / "evaluation.json").read_text(encoding="utf-8"))
    errors = dict(zip(found["policies"], found["metrics"]["error"]["values"], strict=True))
    errors |= {search: errors[name] for search, name in advice.items() if name}
    means = {name: 1 - mean(values) for name, values in errors.items()}
    yield "| policy | cost of the search, long trainings | test accuracy, % | deviation over networks |"
    yield "| - | - | - | - |"
    for name in sorted(means, key=lambda name: -means[name]):
        label = f"{name} (the same as {advice[name]})" if advice.get(name) else name
        yield f"| {label} | {costs.get(name, 0):.1f} | {100 * means[name]:.2f} | {100 * stdev(errors[name]):.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--validation")
    parser.add_argument("--long", type=Long.read, required=True)
    parser.add_argument("--seeds", type=int, default=1, help="searches of each strategy")
    parser.add_argument("--evaluate", type=int, default=5, help="networks of each policy")
    parser.add_argument("--model", default="quick-resnet")
    parser.add_argument("--workers", default="1")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="names of searches; all by default")
    options = parser.parse_args()

    long = options.long
    common = ["--data", options.data, "--model", options.model]
    common += ["--validation", options.validation] if options.validation else []
    size = {"{images}": str(long.images), "{epochs}": str(long.epochs)}
    policies, costs, advice = [], {}, {}
    for name, words in tomllib.loads(SEARCHES.read_text(encoding="utf-8")).items():
        if options.only and name not in options.only:
            continue
        filled = [size.get(word, word) for word in words]
        for seed in range(options.seeds):
            workers = ["--workers", options.workers] if words[0] == "search" else []
            folder = search(name, filled, [*common, *workers], seed, options.out)
            policies.append(renamed(folder, f"{name}, search {seed}"))
            advice[f"{name}, search {seed}"] = same_policy(policies[-1], policies[:-1])
            costs[f"{name}, search {seed}"] = cost(folder, long, words)

    trained = ["--images", size["{images}"], "--epochs", size["{epochs}"], "--seeds", str(options.evaluate)]
    also = ",".join(map(str, policies[1:]))
    where = ["--workers", options.workers, "--out", str(options.out / "evaluation")]
    against = ["--against", FIXED, "--also", also]
    policysearch("evaluate", str(policies[0]), *against, *common, *trained, *where)
    text = "\n".join(table(options.out, costs, advice))
    (options.out / "table.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
