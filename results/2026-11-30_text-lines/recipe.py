"""One network per fixed policy and seed, with the task's defaults: python recipe.py [--seeds N] prints a table.

It reads the test part of the shipped lines, for each network once.
"""

from __future__ import annotations

import argparse
from functools import partial

import torch

from policysearch.child.device_data import on_device
from policysearch.child.network_registry import recipe_for
from policysearch.child.networks import build
from policysearch.child.threads import one_thread
from policysearch.child.trainers import outputs_of, training_of
from policysearch.child.training_spec import TrainingSpec
from policysearch.core.tasks import TEXT_LINES, task_named
from policysearch.datasets.load import load
from policysearch.datasets.split import split
from policysearch.policy.policy import Policy
from policysearch.study.config import SearchConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    seeds = parser.parse_args().seeds

    config, training = SearchConfig(task=TEXT_LINES), training_of(TEXT_LINES)
    dataset = load(config, needs="texts")
    outputs = outputs_of(TEXT_LINES, dataset)
    data = on_device(dataset, split(dataset, None, 0), torch.device("cpu"))
    exam = training.exam(dataset, torch.device("cpu"), 64)
    print("| policy | seed | validation, % | test, % | characters, % | CPU-s |\n| - | - | - | - | - | - |")
    for name in task_named(TEXT_LINES).fixed:
        for seed in range(1, seeds + 1):
            with one_thread():
                metrics = training.train(
                    TrainingSpec(
                        Policy.preset(name),
                        data,
                        partial(build, config.model, dataset.shape, outputs),
                        images=config.images,
                        epochs=config.epochs,
                        seed=seed,
                        recipe=recipe_for(config.model),
                        examine=partial(exam, data, seed=seed),
                    )
                )
            shares = [100 * metrics[key] for key in ("accuracy", "test_accuracy", "character_accuracy")]
            cells = [f"{share:.1f}" for share in shares]
            print(f"| `{name}` | {seed} | {' | '.join(cells)} | {metrics['cpu_seconds']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
