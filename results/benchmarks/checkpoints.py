"""What checkpoints cost: one of them, and all of a child's.

Run: python results/benchmarks/checkpoints.py [--rounds 3] [--out FILE]. One core, some five minutes. All figures are
processor seconds, the system's for writing included, so that other programs on the machine count for little. Children
with checkpoints and without take turns.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from targets import Target, section

from policysearch.child.checkpoint import Checkpoint
from policysearch.child.checkpoint_store import Checkpointing, CheckpointStore, FolderFiles
from policysearch.child.device_data import DeviceData, on_device
from policysearch.child.networks import build
from policysearch.child.recipe import Recipe
from policysearch.child.training import train
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.policy import Policy
from policysearch.study.settings import PlaceSettings
from workers.continuation import TrialKeeper

DEFAULT = PlaceSettings().checkpoint_every
LIMIT = 0.02
OFTEN = 1e-9
"""Seconds between checkpoints that are as many as the rule of 2 % allows."""
POLICY = Policy.preset("trivialaugment-wide")


@dataclass(frozen=True)
class Work:
    """A child that is measured."""

    name: str
    model: str
    images: int
    epochs: int
    recipe: Recipe


WORKS = (
    Work("small-resnet", "small-resnet", 500, 60, Recipe()),
    Work("small-resnet, averaged weights", "small-resnet", 500, 60, Recipe(averaging=0.5)),
    Work("torchvision:resnet18", "torchvision:resnet18", 64, 24, Recipe(batch=32)),
)


@dataclass
class Measured:
    """Passes checkpoints on, and measures them from the moment at which one is due."""

    keeper: TrialKeeper
    seconds: list[float] = field(default_factory=list)
    _begun: float = 0.0

    def due(self, epoch: int, epochs: int) -> bool:
        self._begun = time.process_time()
        return self.keeper.due(epoch, epochs)

    def keep(self, checkpoint: Checkpoint) -> None:
        self.keeper.keep(checkpoint)
        self.seconds.append(time.process_time() - self._begun)


def keeper(folder: str, every: float, share: float = LIMIT) -> Measured:
    settings = Checkpointing(CheckpointStore(FolderFiles(Path(folder), 10_000.0)), every, share=share)
    trial = Trial(0, POLICY.hash, POLICY.to_json(), 0, 0, 1, 10**6)
    return Measured(TrialKeeper(trial, settings, time.process_time))


def child(work: Work, data: DeviceData, by: Measured | None) -> float:
    """Processor seconds of a child."""
    started = time.process_time()
    train(
        POLICY,
        data,
        partial(build, work.model, data.images.shape[1:], data.classes),
        images=work.images,
        epochs=work.epochs,
        seed=0,
        recipe=work.recipe,
        keeper=by,
    )
    return time.process_time() - started


@dataclass(frozen=True)
class Cost:
    """What a child's checkpoints cost.

    Attributes:
        megabytes: of the largest checkpoint.
        seconds: of one checkpoint.
        count, child: checkpoints that the rule allows, and seconds of the child that writes them.
        share: of that child's time.
        compared: the whole child by one without checkpoints, minus 1.
    """

    name: str
    megabytes: float
    seconds: float
    count: int
    child: float
    share: float
    compared: float

    def row(self) -> str:
        at_default = min(self.seconds / DEFAULT, LIMIT)
        return (
            f"| {self.name} | {self.megabytes:.1f} | {1000 * self.seconds:.1f} | {100 * at_default:.3f} % | "
            f"{self.count} in {self.child:.1f} s | {100 * self.share:.1f} % | {100 * self.compared:+.1f} % |"
        )


def measured(work: Work, data: DeviceData, rounds: int) -> Cost:
    ways: dict[str, list[float]] = {"with": [], "without": []}
    shares, costs = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            by = keeper(folder, OFTEN)
            ways["without"].append(child(work, data, None))
            ways["with"].append(child(work, data, by))
            costs += by.seconds
            shares.append(sum(by.seconds) / ways["with"][-1])
            print(f"{work.name}, round {number + 1}: {ways}, {len(by.seconds)} checkpoints", flush=True)
        size = max(path.stat().st_size for path in Path(folder).iterdir())
    least = {name: min(seconds) for name, seconds in ways.items()}
    return Cost(
        work.name,
        size / 1e6,
        statistics.median(costs),
        len(by.seconds),
        least["with"],
        statistics.median(shares),
        least["with"] / least["without"] - 1,
    )


def against_limits(costs: list[Cost]) -> list[Target]:
    at_default = [
        Target.at_most(f"{cost.name}: a checkpoint every {DEFAULT:g} s", 100 * cost.seconds / DEFAULT, 100 * LIMIT, "%")
        for cost in costs
    ]
    as_allowed = [
        Target.at_most(f"{cost.name}: as many as the rule allows", 100 * cost.share, 110 * LIMIT, "%")
        for cost in costs
        if cost.count > 1  # nobody knows the cost of the first one
    ]
    return [*at_default, *as_allowed]


def page(costs: list[Cost], rounds: int) -> list[str]:
    return [
        "# Checkpoints",
        "",
        f"`python results/benchmarks/checkpoints.py --rounds {rounds}` · {platform.machine()}, one core, no "
        f"GPU · Python {platform.python_version()}, torch {torch.__version__}",
        "",
        f"Processor seconds. By default a running trial writes one every {DEFAULT:g} s, and fewer where they would "
        "take more than 2 % of its time; the columns on the right are of children that write as many as this rule "
        "allows. "
        f"Their share is what passes from the moment at which a checkpoint is due until it is written (median of "
        f"{rounds} rounds), over the child's time; the whole child against one without checkpoints compares "
        "the fastest of these rounds, which take turns. Their share may be 2 %, and a tenth of it for the first one.",
        "",
        "| network | MB | ms for one | share at the default | as many as allowed | their share | the whole child |",
        "| - | - | - | - | - | - | - |",
        *(cost.row() for cost in costs),
        "",
        *section(against_limits(costs)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()

    torch.set_num_threads(1)
    dataset = load("fashion-small")
    data = on_device(dataset, split(dataset, None, 0), torch.device("cpu"))
    child(WORKS[0], data, None)
    lines = page([measured(work, data, options.rounds) for work in WORKS], options.rounds)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
