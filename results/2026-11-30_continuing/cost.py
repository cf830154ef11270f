"""What a ladder of 1:3:9 epochs costs where promoted children are continued, and where each pull trains anew.

Run: python cost.py [--rounds 3] [--images 500] [--epochs 81]. One core, some three minutes. All figures are processor
seconds, the system's for writing checkpoints included, so that other programs on the machine count for little. The
three ways take turns, and the fastest round of each rung counts. Writes cost.md.

A trunk is trained to each rung and read out there: `continuing`. Anew are a `trunk`, which is read out too, and the
default `one-cycle`, which needs no read-out.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from policysearch.child.checkpoint_store import Checkpointing, CheckpointStore, FolderFiles
from policysearch.child.recipe import Recipe
from policysearch.core.trial import Trial
from policysearch.policy.policy import Policy
from workers.evaluate import ChildSetup, Evaluate

PAGE = Path(__file__).with_name("cost.md")
POLICY = Policy.preset("trivialaugment-wide")
SHARES = (9, 3, 1)
"""Of the epochs: the rungs are a ninth of them, a third, and all."""
WAYS = {"continuing": "trunk", "trunk anew": "trunk", "one-cycle anew": "one-cycle"}
HALVING = {"one child, all the way up": (1, 1, 1), "halving: nine children, three, one": (9, 3, 1)}
"""How many children are trained at each rung."""


def evaluation(schedule: str, folder: Path, keep: bool) -> Evaluate:
    """What trains children by a schedule; `keep` says whether they are kept, to be continued."""
    keeping = Checkpointing(CheckpointStore(FolderFiles(folder, 500.0)), 0.0, True) if keep else None
    return ChildSetup("fashion-small", None, 0, "small-resnet", Recipe(schedule=schedule), "cpu", checkpoints=keeping)()


def rungs(evaluate: Evaluate, sizes: list[tuple[int, int]], continuing: bool, seed: int) -> list[float]:
    """Processor seconds of each rung for one child."""
    seconds = []
    origin: dict[str, Any] = {}
    for number, (images, epochs) in enumerate(sizes):
        begun = time.process_time()
        metrics = evaluate(Trial(number, POLICY.hash, POLICY.to_json(indent=None), 0, seed, images, epochs, **origin))
        seconds.append(time.process_time() - begun)
        assert metrics["continued_from"] == origin.get("begin", 0), metrics.get("checkpoint_lost")
        if continuing:
            origin = {"parent": number, "begin": epochs, "checkpoint": metrics["checkpoint"]}
    return seconds


def measured(rounds: int, sizes: list[tuple[int, int]]) -> dict[str, list[float]]:
    """The fastest round of each rung, by way."""
    fastest: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            way: evaluation(schedule, Path(folder, str(i)), way == "continuing")
            for i, (way, schedule) in enumerate(WAYS.items())
        }
        for evaluate in ways.values():
            rungs(evaluate, [(sizes[0][0], 1)], False, seed=0)
        for seed in range(1, rounds + 1):
            for way, evaluate in ways.items():
                seconds = rungs(evaluate, sizes, way == "continuing", seed)
                fastest[way] = [*map(min, zip(fastest.get(way, seconds), seconds, strict=True))]
    return fastest


def weighed(counts: Sequence[int], costs: Sequence[float]) -> float:
    """What so many children cost at each rung, together."""
    return sum(count * cost for count, cost in zip(counts, costs, strict=True))


def page(fastest: dict[str, list[float]], sizes: list[tuple[int, int]], rounds: int) -> str:
    """The table in words."""
    heads = " | ".join(f"to {epochs} epochs" for _, epochs in sizes)
    lines = [
        "# What a ladder costs by continuing",
        "",
        f"`python cost.py --rounds {rounds} --images {sizes[0][0]} --epochs {sizes[-1][1]}`: processor seconds of one "
        f"child under TrivialAugment (small-resnet, shipped data, one core, Python {platform.python_version()}), the "
        f"fastest of {rounds} rounds.",
        "",
        f"| way | {heads} | all |",
        f"| - | {' | '.join('-' for _ in sizes)} | - |",
    ]
    for way, seconds in fastest.items():
        lines.append(f"| {way} | {' | '.join(f'{s:.2f}' for s in seconds)} | {sum(seconds):.2f} |")
    lines += ["", "| a ladder | of `trunk anew` | of `one-cycle anew` | by epochs alone |", "| - | - | - | - |"]
    ends = [epochs for _, epochs in sizes]
    added = [end - begin for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
    for name, counts in HALVING.items():
        cost = {way: weighed(counts, seconds) for way, seconds in fastest.items()}
        ratios = [cost["continuing"] / cost[way] for way in ("trunk anew", "one-cycle anew")]
        bare = weighed(counts, added) / weighed(counts, ends)
        lines.append(f"| {name} | {ratios[0]:.2f} | {ratios[1]:.2f} | {bare:.2f} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=81)
    options = parser.parse_args()

    sizes = [(options.images, max(1, round(options.epochs / share))) for share in SHARES]
    text = page(measured(options.rounds, sizes), sizes, options.rounds)
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
