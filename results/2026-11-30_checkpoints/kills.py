"""Searches killed at random moments: do they end with the trials of an undisturbed one, and what is trained twice?

Run: python results/2026-11-30_checkpoints/kills.py [--kills 20] [--trials 16] [--epochs 80] [--every 0.25]
     [--pool local] [--seed 0] [--out FILE]. One core, some fifteen minutes.
One search runs undisturbed. The same search then runs with checkpoints, and once more without, and is killed so many
times: its controller (which `policysearch resume` follows) or its worker, in turn, each after a random number of epochs
and a random part of one. A pull may be tried again any number of times. Epochs are counted by the network itself, which
adds a byte to a file whenever it goes into training mode: those that a kill cut off count, and so does the short
training that a search times before its first pull.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.chaos_places import MARK, processes_of  # noqa: E402
from tests.support.kills import trials  # noqa: E402

PATIENCE = 600.0
"""Seconds without an epoch after which a search counts as hung."""
NETWORK = '''
import os

from policysearch.child.networks import SmallResNet


class Counted(SmallResNet):
    """Adds a byte to a file for every epoch that it begins."""

    def train(self, mode=True):
        if mode:
            file = os.open(os.environ["EPOCHS_BEGUN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, b".")
            os.close(file)
        return super().train(mode)


def counted(channels, num_classes):
    return Counted(channels, num_classes)
'''


@dataclass
class Run:
    """A search, and what its network counted.

    Attributes:
        folder: of the search.
        settings: its flags by name.
        kills: how often each kind of process was killed.
    """

    folder: Path
    settings: dict[str, object]
    kills: Counter[str] = field(default_factory=Counter)

    @property
    def epochs(self) -> int:
        """Epochs begun so far."""
        count = self.folder.with_suffix(".epochs")
        return count.stat().st_size if count.exists() else 0

    def start(self) -> subprocess.Popen[bytes]:
        """Begin the search, or go on with it."""
        if (self.folder / "config.toml").exists():
            words = ["resume", str(self.folder)]
        else:
            flags = {**self.settings, "out": self.folder}
            words = ["search", *(word for name, value in flags.items() for word in (f"--{name}", str(value)))]
        environment = {**os.environ, "EPOCHS_BEGUN": str(self.folder.with_suffix(".epochs")), "OMP_NUM_THREADS": "1"}
        environment[MARK] = str(os.getpid())
        environment["PYTHONPATH"] = os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
        with self.folder.with_suffix(".log").open("ab") as log:
            command = [sys.executable, "-m", "policysearch", *words]
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)

    def wait_for(self, process: subprocess.Popen[bytes], epochs: int) -> bool:
        """Wait until so many epochs have begun; False once the process has ended.

        Raises:
            RuntimeError: none begins for too long, or the process failed.
        """
        before, since = self.epochs, time.monotonic()
        while process.poll() is None and self.epochs < epochs:
            time.sleep(0.005)
            if self.epochs != before:
                before, since = self.epochs, time.monotonic()
            if time.monotonic() - since > PATIENCE:
                raise RuntimeError(f"{self.folder} hangs after {before} epochs")
        if process.poll():
            raise RuntimeError(f"{self.folder} failed: see {self.folder.with_suffix('.log')}")
        return process.poll() is None


def undisturbed(run: Run) -> Run:
    """Run a search to its end."""
    run.wait_for(run.start(), sys.maxsize)
    return run


def disturbed(run: Run, kills: int, epochs: int, rng: random.Random) -> Run:
    """Run a search to its end, and kill its processes so many times on the way.

    Args:
        run: the search.
        kills: how many; fewer if it ends before.
        epochs: of the undisturbed search; kills are spread over about as many.
        rng: draws the moments.
    """
    process = run.start()
    while run.kills.total() < kills:
        ahead = 1 + rng.randrange(9 * epochs // (5 * kills))  # a little less than evenly, so that all find a place
        if not run.wait_for(process, run.epochs + ahead):
            return run
        time.sleep(rng.random() * 0.1)
        processes = processes_of(process.pid)
        child = "actor" if run.settings["pool"] == "ray" else "worker"
        kind = child if run.kills.total() % 2 else "controller"
        if kind == "controller":
            process.kill()
            process.wait()
            psutil.wait_procs([victim for victims in processes.values() for victim in victims], timeout=60)
            process = run.start()
        else:
            victims = processes.get(kind, [])
            for victim in victims[:1]:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
        run.kills.update([kind])
    run.wait_for(process, sys.maxsize)
    return run


def row(name: str, run: Run, whole: Run) -> str:
    """A row of the table."""
    equal = "equal" if trials(run.folder) == trials(whole.folder) else "**differ**"
    kills = ", ".join(f"{count} {kind}" for kind, count in sorted(run.kills.items())) or "none"
    more = 100 * (run.epochs / whole.epochs - 1)
    return f"| {name} | {kills} | {equal} | {run.epochs} | {more:+.1f} % |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--every", type=float, default=0.25, help="seconds between checkpoints")
    parser.add_argument("--pool", default="local", choices=("local", "ray"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "kills.md")
    parser.add_argument(
        "--without", default=True, action=argparse.BooleanOptionalAction, help="also without checkpoints"
    )
    options = parser.parse_args()

    settings = {
        "strategy": "ucb",
        "trials": options.trials,
        "confirm": 1,
        "finalists": 1,
        "images": options.images,
        "epochs": options.epochs,
        "workers": 1,
        "retries": 100,
        "pool": options.pool,
        "checkpoint-every": options.every,
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "networks.py").write_text(NETWORK)
        settings["model"] = f"{folder / 'networks.py'}:counted"
        whole = undisturbed(Run(folder / "whole", settings))
        rows = [row("undisturbed", whole, whole)]
        print(rows[-1], flush=True)
        ways = {"with checkpoints": settings, "without": {**settings, "checkpoint-every": 0}}
        for number, (name, flags) in enumerate([*ways.items()][: 1 + options.without]):
            run = Run(folder / f"killed-{number}", flags)
            rows.append(row(name, disturbed(run, options.kills, whole.epochs, random.Random(options.seed)), whole))
            print(rows[-1], flush=True)
    command = (
        f"kills.py --kills {options.kills} --trials {options.trials} --epochs {options.epochs} "
        f"--images {options.images} --every {options.every:g} --pool {options.pool} --seed {options.seed}"
    )
    lines = [
        "# Searches killed at random moments",
        "",
        f"`python results/2026-11-30_checkpoints/{command}` · {platform.machine()}, Python "
        f"{platform.python_version()}, torch {torch.__version__}, one worker; n = 1 search each",
        "",
        "Trials are equal where number, arm, replicate, seed, state and reward of all are, those of the confirmation "
        "included. Epochs are counted by the network itself, those that a kill cut off included.",
        "",
        "| search | kills | trials | epochs begun | more than undisturbed |",
        "| - | - | - | - | - |",
        *rows,
    ]
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    if "**differ**" in "".join(rows[:2]):
        sys.exit("the trials of a search that was killed differ from those of an undisturbed one")


if __name__ == "__main__":
    main()
