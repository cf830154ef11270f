"""What a start costs, against an earlier commit: commands, a worker, and a search until its first pull.

Run: python results/benchmarks/startup.py [--against COMMIT] [--rounds N] [--out FILE]. Two idle cores. The commit is
checked out beside this tree. A round runs every task once on both trees, each in processes of its own, the order drawn
anew; one round before warms the disk's cache. Tasks are in CPU seconds of the whole process tree, but for the last,
which is in seconds on the clock: there two processes start at once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from targets import Target, section
from worktree import HERE, checked_out, environment

BEFORE = "5bd5350"
"""The last commit before starts were made lighter."""

STEP = """
from policysearch.child.recipe import Recipe
from policysearch.core.trial import Trial
from policysearch.policy.policy import Policy
from workers.evaluate import ChildSetup
evaluate = ChildSetup("fashion-small", None, 0, "small-resnet", Recipe(), "cpu")()
policy = Policy.preset("trivialaugment-wide")
evaluate(Trial(0, policy.hash, policy.to_json(), 0, 0, 20, 1))
"""
SMALL = ["search", "--workers", "0", "--trials", "30", "--confirm", "2", "--images", "40", "--epochs", "1"]
FIRST = ["search", "--workers", "1", "--trials", "1", "--confirm", "0", "--images", "200", "--epochs", "16"]
Task = Callable[[Path, Path], float]
"""What one run on a tree (first argument) costs, in seconds, with a folder to work in (second argument)."""


def cpu_seconds(*words: str) -> Task:
    """CPU seconds of Python called with these words, and of all its processes; {run} is a finished search's folder."""

    def measured(tree: Path, folder: Path) -> float:
        command = [sys.executable, *(word.format(run=f"run-{tree.name}") for word in words)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment(tree, folder))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return measured


def until_the_first_pull(tree: Path, folder: Path) -> float:
    """Seconds on the clock from the command to the first pull's begin, which its record tells."""
    out = folder / f"first-{tree.name}-{time.time_ns()}"
    command = [sys.executable, "-m", "policysearch", *FIRST, "--out", str(out)]
    started = time.time()
    subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment(tree, folder))
    with sqlite3.connect(out / "study.db") as study:
        (ended,) = study.execute("SELECT datetime_complete FROM trials WHERE number = 0").fetchone()
        (outcome,) = study.execute("SELECT value_json FROM trial_user_attributes WHERE key = 'outcome'").fetchone()
    study.close()
    return datetime.fromisoformat(ended).timestamp() - json.loads(json.loads(outcome))["seconds"] - started


HELP, SHOW = "`policysearch --help`", "`policysearch show` of a finished search"
TASKS: dict[str, Task] = {
    "`python -c pass`": cpu_seconds("-c", "pass"),
    HELP: cpu_seconds("-m", "policysearch", "--help"),
    SHOW: cpu_seconds("-m", "policysearch", "show", "{run}"),
    "a worker: imports and the first step": cpu_seconds("-c", STEP),
    "`policysearch search` until its first pull begins, on the clock": until_the_first_pull,
}
MOST = dict(zip(list(TASKS)[3:], (0.55, 0.5), strict=True))
"""Ratio of this tree to the commit, at most."""
MOST_OF_SHOW = 2.0
"""`show` by `--help`, at most."""


def measured(trees: list[Path], rounds: int, folder: Path) -> dict[str, list[list[float]]]:
    """Seconds by task: a pair a round, of this tree and of the commit."""
    rng = random.Random(0)
    for tree in trees:
        command = [sys.executable, "-m", "policysearch", *SMALL, "--out", f"run-{tree.name}"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment(tree, folder))
    seconds: dict[str, list[list[float]]] = {name: [] for name in TASKS}
    for number in range(rounds + 1):
        for name, task in TASKS.items():
            pair = {tree: task(tree, folder) for tree in rng.sample(trees, len(trees))}
            if number:
                seconds[name].append([pair[tree] for tree in trees])
    return seconds


def row(name: str, pairs: list[list[float]]) -> str:
    now, then = ([pair[i] for pair in pairs] for i in (0, 1))
    ratios = [a / b for a, b in pairs]
    ratio = statistics.median(ratios)
    cells = [f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})" for values in (then, now)]
    return f"| {name} | {' | '.join(cells)} | {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"


def against_limits(ratios: dict[str, float], of_show: float, commit: str) -> list[Target]:
    """From the ratios to the commit by task, and the time of `show` by that of `--help`."""
    return [
        *(Target.at_most(f"{name}, by `{commit}`'s", ratios[name], most) for name, most in MOST.items()),
        Target.at_most("`policysearch show` of a finished search, by `--help`", of_show, MOST_OF_SHOW),
    ]


def page(seconds: dict[str, list[list[float]]], commit: str) -> list[str]:
    of_show = [show[0] / help_[0] for show, help_ in zip(seconds[SHOW], seconds[HELP], strict=True)]
    share = statistics.median(of_show)
    ratios = {name: statistics.median(now / then for now, then in pairs) for name, pairs in seconds.items()}
    return [
        "# Start-up",
        "",
        f"`python results/benchmarks/startup.py --against {commit} --rounds {len(of_show)}` · "
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()} · n = {len(of_show)}",
        "",
        f"CPU seconds of all processes of a command, median (min to max); then is commit {commit}, in the "
        "same rounds. The last row is in seconds on the clock, since a search starts two processes at once.",
        "",
        "| what | then | now | now by then |",
        "| - | - | - | - |",
        *(row(name, pairs) for name, pairs in seconds.items()),
        "",
        f"`show` takes {share:.2f} times what `--help` takes ({min(of_show):.2f} to {max(of_show):.2f}).",
        "",
        *section(against_limits(ratios, share, commit)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default=BEFORE)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("startup.md"))
    options = parser.parse_args()
    with checked_out(options.against) as (before, folder):
        lines = page(measured([HERE, before], options.rounds, folder), options.against)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
