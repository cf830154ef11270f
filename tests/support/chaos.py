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
from tests.support.chaos_places import LOCAL, Place, processes_of
from tests.support.kills import trials

PATIENCE = 300.0
"""Seconds after which a command counts as hung; undisturbed it takes a twentieth."""
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
        place: where it ran.
        kills: how often each kind of process was killed.
        faults: what must not happen, in words; empty if all is well.
    """

    strategy: str
    place: str = "local"
    kills: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def undisturbed(strategy: str, folder: Path) -> Path:
    """Run a search on local workers to its end, unless it is there already; returns its folder."""
    run = folder / strategy.replace(":", "-")
    if (run / "policy.json").exists():
        return run
    subprocess.run(_search(strategy, run, LOCAL), check=True, capture_output=True, timeout=PATIENCE)
    return run


def disturbed(
    strategy: str, expected: Path, folder: Path, kills: int, rng: random.Random, place: Place = LOCAL
) -> Record:
    """Run a search, kill what it needs so many times, and hold what it ends with against an undisturbed one.

    Args:
        strategy: of the search.
        expected: the folder of the undisturbed search.
        folder: for this one; must not exist.
        kills: how many processes to kill; fewer where the search ends before.
        rng: draws what is killed and when.
        place: where the search runs and is recorded.
    """
    record = Record(strategy, place.name)
    process = _started(_search(strategy, folder, place), folder)
    while record.kills.total() < kills:
        if not _wait_for_a_moment(process, folder, rng, place):
            if not _lost_its_storage(process, place):
                break
            process = _continued(strategy, folder, place)
            continue
        target = rng.choice(("controller", *place.kinds))
        if target in place.disturb:
            place.disturb[target]()
            record.kills.update([target])
        elif target == "controller":
            victims = processes_of(process.pid)
            process.kill()
            process.wait()
            record.kills.update([target])
            record.faults += _left_behind([p for kind, all_of in victims.items() if kind != target for p in all_of])
            process = _continued(strategy, folder, place)
        elif victims := processes_of(process.pid).get(target):
            with suppress(psutil.NoSuchProcess):
                rng.choice(victims).kill()
                record.kills.update([target])
    while (ending := _end(process)) and _lost_its_storage(process, place):
        process = _continued(strategy, folder, place)
    record.faults += ending
    record.faults += _differences(expected, folder)
    return record


def _search(strategy: str, folder: Path, place: Place) -> list[str]:
    network = folder.parent / "networks.py"
    if not network.exists():
        network.write_text(NETWORK)
    settings = {
        "strategy": strategy,
        "trials": 20,
        "confirm": 2,
        "finalists": 2,
        "images": 60,
        "epochs": 2,
        "rungs": 2,
        "workers": 1,
        "retries": 100,
        "model": f"{network}:tiny",
        "out": folder,
        **place.settings(folder),
    }
    flags = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "policysearch", "search", *flags]


def _continued(strategy: str, folder: Path, place: Place) -> subprocess.Popen[bytes]:
    """What a person would type: resume where there is a run, otherwise the search again."""
    if not (folder / "config.toml").exists():
        return _started(_search(strategy, folder, place), folder)
    return _started([sys.executable, "-m", "policysearch", "resume", str(folder)], folder)


def _started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with folder.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def _wait_for_a_moment(process: subprocess.Popen[bytes], folder: Path, rng: random.Random, place: Place) -> bool:
    """Wait until some more trials have ended and a moment longer; False once the process has ended."""
    count = place.trials_of(folder) + rng.choice((0, 0, 1, 2))
    end = time.monotonic() + PATIENCE
    while process.poll() is None and place.trials_of(folder) < count and time.monotonic() < end:
        time.sleep(0.05)
    moment = time.monotonic() + rng.choice((rng.uniform(0, 0.2), rng.uniform(0, 2)))
    while process.poll() is None and time.monotonic() < moment:
        time.sleep(0.02)
    return process.poll() is None


def _lost_its_storage(process: subprocess.Popen[bytes], place: Place) -> bool:
    """Whether a search has ended, with the sentence that its storage failed, where that is what was done to it."""
    return process.poll() == 1 and "server" in place.disturb


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
