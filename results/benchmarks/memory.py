"""Memory of several workers beside that of one, on data of CIFAR-10's size.

Run: python results/benchmarks/memory.py [--out FILE]. Random images, 60,000 of 32×32 RGB (and 6,000, to tell
what is not data), are decoded into a cache of their own; 1, 2 and 4 workers each train a child on 300 images for one
epoch and validate it. Every 20 ms the proportional set sizes of all workers are added up; the peak is told.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from policysearch.child.recipe import Recipe
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.policy.policy import Policy
from workers.evaluate import ChildSetup
from workers.local import LocalPool

SIZES = {"60,000 images": 60_000, "6,000 images": 6_000}
WORKERS = (1, 2, 4)


def handle(folder: Path, count: int) -> str:
    """A data set of random images in the cache, five sixths of them for training."""
    rng = np.random.default_rng(0)
    train, test = count * 5 // 6, count // 6
    arrays = {"x_train": rng.integers(0, 256, (train, 32, 32, 3), np.uint8), "y_train": np.arange(train) % 10}
    arrays |= {"x_test": rng.integers(0, 256, (test, 32, 32, 3), np.uint8), "y_test": np.arange(test) % 10}
    np.savez(folder / f"{count}.npz", **arrays)
    return load(str(folder / f"{count}.npz")).handle


def megabytes(pid: int) -> float:
    """Proportional set size: shared pages count as a share each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def peak(data: str, workers: int) -> float:
    pool = LocalPool(ChildSetup(data, None, 0, "small-resnet", Recipe(), "cpu"), workers)
    seen, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            seen.append(sum(map(megabytes, pool.pids)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        policy = Policy.preset("identity")
        for number in range(workers):
            pool.submit(Trial(number, policy.hash, policy.to_json(), number, number, 300, 1))
        left = workers
        while left:
            for _, outcome in pool.wait(10):
                assert not outcome.error, outcome.error
                left -= 1
        time.sleep(0.1)
    finally:
        done.set()
        watcher.join()
        pool.close()
    return max(seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("memory.md"))
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["POLICYSEARCH_CACHE"] = f"{scratch}/cache"
        peaks = {name: [peak(handle(Path(scratch), n), w) for w in WORKERS] for name, n in SIZES.items()}
    data = [big - small for big, small in zip(*peaks.values(), strict=True)]
    lines = [
        "# Memory of workers",
        "",
        f"`python results/benchmarks/memory.py` · {platform.machine()}, Python {platform.python_version()}, "
        f"torch {torch.__version__} · n = 1 each",
        "",
        "Peak of the workers' proportional set sizes together, MB:",
        "",
        f"| workers | {' | '.join(map(str, WORKERS))} |",
        f"| - | {' | '.join('-' for _ in WORKERS)} |",
        *(f"| {name} | {' | '.join(f'{mb:.0f}' for mb in row)} |" for name, row in peaks.items()),
        f"| so the data take | {' | '.join(f'{mb:.0f}' for mb in data)} |",
        f"| beside one worker | {' | '.join(f'{mb / data[0]:.2f}' for mb in data)} |",
    ]
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
