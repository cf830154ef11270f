"""Word accuracy of arms of the space `text-lines` on the shipped lines: python arms.py OUT.csv [SEEDS [ARM ...]]

Those of the largest magnitude of each kind, next to no augmentation and the fixed policies of the task.

Replicate by replicate over all arms, a row when it is measured, so that whatever is there is balanced but for the last
replicate. Arms share seeds and training lines within a replicate. A file that exists is continued. `seconds` are the
process's CPU time, of one thread, `augmentation` the part of them spent in `augment_lines`.
"""

import csv
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from policysearch.child.device_data import on_device
from policysearch.child.network_registry import recipe_for
from policysearch.child.networks import build
from policysearch.child.text_lines import line_batches
from policysearch.child.text_lines.training import train_reader
from policysearch.child.trainers import outputs_of
from policysearch.child.training_spec import TrainingSpec
from policysearch.core.tasks import TASKS, TEXT_LINES
from policysearch.datasets.config import DataSettings
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.space_files import load_space
from policysearch.policy.spaces import Arm

COLUMNS = ("arm", "hash", "seed", "accuracy", "character_accuracy", "loss", "seconds", "augmentation")
IMAGES, EPOCHS = 500, 30
MODEL = "line-crnn"
ARMS = (
    "identity",
    "tia",
    "randaugment-lines",
    "bend(by=line-distort, radius=0.3)",
    "bend(by=line-stretch, radius=0.3)",
    "bend(by=line-perspective, radius=0.3)",
    "mask(by=line-bands)",
    "hide(p=0.3)",
    "camera(level=14)",
    "slant(tangent=0.4)",
    "mixed(by=line-join)",
    "mixed(by=glyph-paste)",
    "together(radius=0.3, join=0.3)",
)


def timed(function: Callable, spent: list[float]) -> Callable:
    def call(*arguments: object, **named: object) -> object:
        start = time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            spent[0] += time.process_time() - start

    return call


def main(out: Path, seeds: int, names: list[str]) -> None:
    torch.set_num_threads(1)
    dataset = load(DataSettings(data="text-lines-small", aspect="line"), needs="texts")
    data = on_device(dataset, split(dataset, None, 0), torch.device("cpu"), torch.contiguous_format)
    factory = partial(build, MODEL, dataset.shape, outputs_of(TEXT_LINES, dataset))
    space = {arm.name: arm for arm in load_space("text-lines", TASKS[TEXT_LINES].fixed).arms(0)}
    arms = [space[name] for name in names or ARMS]
    there = set()
    if out.exists():
        there = {(row["hash"], int(row["seed"])) for row in csv.DictReader(out.open())}
    else:
        out.write_text(",".join(COLUMNS) + "\n")

    spent = [0.0]
    line_batches.augment_lines = timed(line_batches.augment_lines, spent)

    def measured(arm: Arm, seed: int) -> tuple[object, ...]:
        start, spent[0] = time.process_time(), 0.0
        metrics = train_reader(TrainingSpec(arm.policy, data, factory, IMAGES, EPOCHS, seed, recipe_for(MODEL)))
        seconds = time.process_time() - start
        values = (metrics["accuracy"], metrics["character_accuracy"], metrics["loss"])
        return (arm.name, arm.key, seed, *(f"{value:.5f}" for value in values), f"{seconds:.2f}", f"{spent[0]:.2f}")

    for seed in range(seeds):
        for arm in arms:
            if (arm.key, seed) not in there:
                row = measured(arm, seed)
                with out.open("a", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerow(row)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 6, sys.argv[3:])
