"""Memory of a search's processes against an earlier commit, and of several workers compared with one.

Run: python results/benchmarks/memory.py [--against COMMIT] [--rounds N] [--out FILE]. An idle machine: pages that
other programs share count for less. The commit is checked out beside this tree. Three parts:

- a search of one small pull on one worker: every 20 ms the proportional set sizes (PSS) of the
  controller, of the server that workers are forked from, and of the server's children; the peak of each;
- a process that does what a worker does until its first step: its largest resident set;
- random images, 60,000 of 32×32 RGB (and 6,000, to tell what is not data), in a cache of their own; 1, 2 and 4 workers
  each train a child on 300 images for one epoch and validate it; the peak of the sum of their PSS.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from startup import BEFORE, FIRST, STEP
from targets import Target, section
from worktree import HERE, checked_out, environment

from policysearch.child.recipe import Recipe
from policysearch.core.trial import Trial
from policysearch.datasets.load import load
from policysearch.policy.policy import Policy
from workers.evaluate import ChildSetup
from workers.local import LocalPool

SIZES = {"60,000 images": 60_000, "6,000 images": 6_000}
WORKERS = (1, 2, 4)
MOST_OF_DATA = 1.3
"""Data of several workers by that of one, at most."""

CONTROLLER, SERVER, WORKER = "controller", "server of the workers", "worker and its helpers"
ALL, FIRST_STEP = "all processes of a search", "a worker's first step, resident"
MOST_OF_CONTROLLER = 200.0
"""Megabytes of the controller, at most."""
MOST = {ALL: 0.6, FIRST_STEP: 0.8}
"""Ratio of this tree to the commit, at most."""
_PEAK = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"


def megabytes(pid: int) -> float:
    """Proportional set size: shared pages count as a share each."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) / 1024


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_server(pid: int) -> bool:
    try:
        return b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def processes(tree: Path, folder: Path) -> dict[str, float]:
    """Peaks of a search's processes in MB; the last is the sum of the peaks."""
    command = [sys.executable, "-m", "policysearch", *FIRST, "--out", f"memory-{tree.name}-{time.time_ns()}"]
    peaks = dict.fromkeys((CONTROLLER, SERVER, WORKER), 0.0)
    with subprocess.Popen(
        command, cwd=folder, env=environment(tree, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as search:
        while search.poll() is None:
            servers = [child for child in children(search.pid) if is_server(child)]
            workers = [child for server in servers for child in children(server)]
            now = {CONTROLLER: [search.pid], SERVER: servers, WORKER: workers}
            peaks = {name: max(peak, sum(map(megabytes, now[name]))) for name, peak in peaks.items()}
            time.sleep(0.02)
    assert search.returncode == 0
    return {**peaks, ALL: sum(peaks.values())}


def first_step(tree: Path, folder: Path) -> float:
    """The largest resident set of a process until a worker's first step, in MB."""
    command = [sys.executable, "-c", STEP + _PEAK]
    done = subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment(tree, folder))
    return float(done.stdout)


def measured(trees: list[Path], rounds: int, folder: Path) -> dict[str, list[list[float]]]:
    """Megabytes by process: a pair a round, of this tree and of the commit."""
    rng = random.Random(0)
    pairs: dict[str, list[list[float]]] = {}
    for _ in range(rounds):
        of_tree = {
            tree: {**processes(tree, folder), FIRST_STEP: first_step(tree, folder)}
            for tree in rng.sample(trees, len(trees))
        }
        for name in of_tree[trees[0]]:
            pairs.setdefault(name, []).append([of_tree[tree][name] for tree in trees])
    return pairs


def row(name: str, pairs: list[list[float]]) -> str:
    now, then = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    ratio = statistics.median(a / b for a, b in pairs)
    return f"| {name} | {then:.0f} | {now:.0f} | {ratio:.2f} |"


def handle(folder: Path, count: int) -> str:
    """A data set of random images in the cache, five sixths of them for training."""
    rng = np.random.default_rng(0)
    train, test = count * 5 // 6, count // 6
    arrays = {"x_train": rng.integers(0, 256, (train, 32, 32, 3), np.uint8), "y_train": np.arange(train) % 10}
    arrays |= {"x_test": rng.integers(0, 256, (test, 32, 32, 3), np.uint8), "y_test": np.arange(test) % 10}
    np.savez(folder / f"{count}.npz", **arrays)
    return load(str(folder / f"{count}.npz")).handle


def peak(data: str, workers: int) -> float:
    """The peak of the sum of the workers' PSS in MB."""
    pool = LocalPool(ChildSetup(data, None, 0, "small-resnet", Recipe(), "cpu"), workers)
    sums, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            sums.append(sum(megabytes(worker.pid) for worker in multiprocessing.active_children() if worker.pid))

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
    return max(sums)


def peaks_of_workers() -> dict[str, list[float]]:
    """Peaks in MB for each number of workers, by size of the data set."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["POLICYSEARCH_CACHE"] = f"{scratch}/cache"
        return {name: [peak(handle(Path(scratch), n), w) for w in WORKERS] for name, n in SIZES.items()}


def of_data(peaks: dict[str, list[float]]) -> list[float]:
    """Megabytes that the data take, for each number of workers."""
    return [big - small for big, small in zip(*peaks.values(), strict=True)]


def of_workers(peaks: dict[str, list[float]]) -> list[str]:
    """The table of several workers compared with one."""
    data = of_data(peaks)
    return [
        "## Several workers",
        "",
        "Peak of the workers' PSS together, MB; n = 1 each:",
        "",
        f"| workers | {' | '.join(map(str, WORKERS))} |",
        f"| - | {' | '.join('-' for _ in WORKERS)} |",
        *(f"| {name} | {' | '.join(f'{mb:.0f}' for mb in row)} |" for name, row in peaks.items()),
        f"| so the data take | {' | '.join(f'{mb:.0f}' for mb in data)} |",
        f"| compared with one worker | {' | '.join(f'{mb / data[0]:.2f}' for mb in data)} |",
    ]


def against_limits(controller: float, ratios: dict[str, float], share: float, commit: str) -> list[Target]:
    """From the controller's megabytes, ratios to the commit by process, and the most that data take by one worker's."""
    return [
        Target.at_most(f"memory of the {CONTROLLER}", controller, MOST_OF_CONTROLLER, "MB"),
        *(Target.at_most(f"memory of {name}, by `{commit}`'s", ratios[name], most) for name, most in MOST.items()),
        Target.at_most("data of several workers, by one worker's, the most", share, MOST_OF_DATA),
    ]


def page(pairs_of_process: dict[str, list[list[float]]], peaks: dict[str, list[float]], commit: str) -> list[str]:
    rounds, data = len(pairs_of_process[CONTROLLER]), of_data(peaks)
    controller = statistics.median(now for now, _ in pairs_of_process[CONTROLLER])
    ratios = {name: statistics.median(now / then for now, then in pairs_of_process[name]) for name in MOST}
    return [
        "# Memory",
        "",
        f"`python results/benchmarks/memory.py --against {commit} --rounds {rounds}` · "
        f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__} · n = {rounds}",
        "",
        "## A search on one worker",
        "",
        f"Medians in MB: the peaks of PSS, and the largest resident set; then is commit {commit}.",
        "",
        "| process | then | now | now by then |",
        "| - | - | - | - |",
        *(row(name, pairs) for name, pairs in pairs_of_process.items()),
        "",
        *of_workers(peaks),
        "",
        *section(against_limits(controller, ratios, max(data) / data[0], commit)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default=BEFORE)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("memory.md"))
    options = parser.parse_args()
    with checked_out(options.against) as (before, folder):
        pairs_of_process = measured([HERE, before], options.rounds, folder)
    lines = page(pairs_of_process, peaks_of_workers(), options.against)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
