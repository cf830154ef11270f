"""Start-up, ask and tell, augmentation and the default search against an earlier commit, in one run.

Run: python results/benchmarks/against_a_commit.py COMMIT [--rounds N] [--out FILE]. The commit is checked out beside
this tree in a temporary folder. A round runs every task once on both trees, each in a process of its own, the order
drawn anew; before the first, every task runs once for both to warm the disk's cache. Ratios are of CPU seconds of the
whole process tree (this tree by the commit), so that other programs on the machine count for little.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from worktree import HERE, checked_out, environment

ASK_AND_TELL = """
import tempfile, policysearch, workers.evaluate
metrics = {"loss": 1.0, "seconds": 0.0}
workers.evaluate.ChildSetup = lambda *_: lambda: lambda trial: {"accuracy": trial.seed % 997 / 997, **metrics}
settings = dict(workers=0, trials=300, confirm=1, images=40, epochs=1, out=tempfile.mkdtemp() + "/run")
assert policysearch.search(policysearch.SearchConfig(**settings)).policy is not None
"""

AUGMENT = """
import torch, policysearch
images = torch.randint(0, 256, (500, 3, 32, 32), dtype=torch.uint8)
labels = torch.zeros(500, dtype=torch.int64)
generator = torch.Generator().manual_seed(0)
for name in ("trivialaugment-wide", "randaugment", "soft-crop", "autoaugment-cifar10"):
    for _ in range(12):
        policysearch.augment(policysearch.Policy.preset(name), images, labels, num_classes=2, generator=generator)
"""

SEARCH = """
import tempfile, policysearch
settings = dict(workers=0, trials=4, confirm=1, finalists=2, images=500, epochs=2, out=tempfile.mkdtemp() + "/run")
policysearch.search(policysearch.SearchConfig(**settings))
"""

TASKS = {
    "`policysearch --help`": ["-m", "policysearch", "--help"],
    "300 pulls without training, on SQLite, and their page": ["-c", ASK_AND_TELL],
    "48 batches of 500 at 32×32, four policies": ["-c", AUGMENT],
    "a search of the default settings, cut to 4 pulls of 500 × 2": ["-c", SEARCH],
}


def cpu_seconds(task: list[str], tree: Path, folder: Path) -> float:
    """CPU seconds of a task and all its processes, with a tree first on Python's path."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *task], check=True, capture_output=True, cwd=folder, env=environment(tree, folder))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(trees: list[Path], rounds: int, folder: Path) -> dict[str, list[float]]:
    """Ratios by task, one per round."""
    rng = random.Random(0)
    ratios: dict[str, list[float]] = {name: [] for name in TASKS}
    for number in range(rounds + 1):
        for name, task in TASKS.items():
            order = rng.sample(trees, 2)
            seconds = {tree: cpu_seconds(task, tree, folder) for tree in order}
            if number:
                ratios[name].append(seconds[trees[0]] / seconds[trees[1]])
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()

    with checked_out(options.commit) as (before, folder):
        ratios = measured([HERE, before], options.rounds, folder)

    lines = [
        f"# Against commit {options.commit}",
        "",
        f"`python results/benchmarks/against_a_commit.py {options.commit} --rounds {options.rounds}` · "
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()} · n = {options.rounds}",
        "",
        "| task | CPU seconds, now by then: median (min to max) |",
        "| - | - |",
    ]
    for task, values in ratios.items():
        lines.append(f"| {task} | {statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f}) |")
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
