"""Small real searches whose processes are killed at random, again and again, until they end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from policysearch.policy.policy import Policy
from tests.support.kills import completed, trials

PATIENCE = 300.0
"""Seconds after which a command counts as hung; undisturbed it takes a twentieth."""
TARGETS = ("controller", "worker", "forkserver")
NETWORK = """
from torch import nn

def tiny(channels, num_classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * channels, num_classes))
"""


@dataclass
class Record:
    """What became of one search.

    Attributes:
        strategy: its strategy.
        kills: how often each kind of process was killed.
        faults: what must not happen, in words; empty if all is well.
    """

    strategy: str
    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def undisturbed(strategy: str, folder: Path) -> Path:
    """Run a search to its end; returns its folder."""
    run = folder / strategy.replace(":", "-")
    subprocess.run(_search(strategy, run), check=True, capture_output=True, timeout=PATIENCE)
    return run


def disturbed(strategy: str, expected: Path, folder: Path, kills: int, rng: random.Random) -> Record:
    """Run a search, kill one of its processes so many times, and hold what it ends with against an undisturbed one.

    Args:
        strategy: of the search.
        expected: the folder of the undisturbed search.
        folder: for this one; must not exist.
        kills: how many processes to kill; fewer where the search ends before.
        rng: draws what is killed and when.
    """
    record = Record(strategy)
    process = _started(_search(strategy, folder), folder)
    while sum(record.kills.values()) < kills and _wait_for_a_moment(process, folder, rng):
        target = rng.choice(TARGETS)
        victims = _processes(process)
        if not victims[target]:
            continue
        with suppress(psutil.NoSuchProcess):
            rng.choice(victims[target]).kill()
            record.kills.update([target])
        if target == "controller":
            record.faults += _left_behind([*victims["worker"], *victims["forkserver"]])
            process.wait()
            process = _started([sys.executable, "-m", "policysearch", "resume", str(folder)], folder)
            if not (folder / "config.toml").exists():
                process.kill()
                process.wait()
                process = _started(_search(strategy, folder), folder)
    record.faults += _end(process)
    record.faults += _differences(expected, folder)
    return record


def _search(strategy: str, folder: Path) -> list[str]:
    network = folder.parent / "networks.py"
    if not network.exists():
        network.write_text(NETWORK)
    settings = {
        "strategy": strategy,
        "trials": 20,
        "confirm": 2,
        "finalists": 2,
        "images": 40,
        "epochs": 2,
        "workers": 1,
        "retries": 100,
        "model": f"{network}:tiny",
        "out": folder,
    }
    flags = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "policysearch", "search", *flags]


def _started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with folder.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def _wait_for_a_moment(process: subprocess.Popen[bytes], folder: Path, rng: random.Random) -> bool:
    """Wait until some more trials have ended and a moment longer; False once the process has ended."""
    count = completed(folder / "study.db") + rng.choice((0, 0, 1, 2))
    end = time.monotonic() + PATIENCE
    while process.poll() is None and completed(folder / "study.db") < count and time.monotonic() < end:
        time.sleep(0.02)
    moment = time.monotonic() + rng.choice((rng.uniform(0, 0.2), rng.uniform(0, 2)))
    while process.poll() is None and time.monotonic() < moment:
        time.sleep(0.02)
    return process.poll() is None


def _processes(process: subprocess.Popen[bytes]) -> dict[str, list[psutil.Process]]:
    """The living processes of a search by kind; a worker is a child of the forkserver."""
    processes: dict[str, list[psutil.Process]] = {name: [] for name in TARGETS}
    with suppress(psutil.NoSuchProcess):
        controller = psutil.Process(process.pid)
        processes["controller"] = [controller]
        for child in controller.children():
            if "forkserver" in " ".join(child.cmdline()):
                processes["forkserver"].append(child)
                processes["worker"] += child.children()
    return processes


def _left_behind(processes: Iterable[psutil.Process]) -> list[str]:
    """A sentence for every process that outlives its controller by a minute."""
    _, alive = psutil.wait_procs(list(processes), timeout=60)
    for process in alive:
        process.kill()
    return [f"process left behind: {' '.join(process.cmdline())[:80]}" for process in alive]


def _end(process: subprocess.Popen[bytes]) -> list[str]:
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return [f"hung for {PATIENCE:g} s"]
    return [f"exit code {code}"] if code else []


def _differences(expected: Path, folder: Path) -> list[str]:
    """What differs from the undisturbed search, in sentences."""
    if not (folder / "policy.json").exists():
        return ["no policy.json"]
    faults = []
    rows, same = trials(folder), trials(expected)
    if len({row[:2] for row in rows}) < len(rows):
        faults.append("a trial is recorded twice")
    if rows != same:
        faults.append(f"{sum(row not in rows for row in same)} of {len(same)} trials lost or changed")
    if Policy.load(folder / "policy.json").hash != Policy.load(expected / "policy.json").hash:
        faults.append("another winner")
    return faults
