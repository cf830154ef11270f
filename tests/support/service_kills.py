"""`policysearch serve` killed at random moments while jobs and uploads come, are stopped, cancelled and deleted."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from policysearch.client import Service
from policysearch.client.job import Job
from policysearch.service.runner.identity import members, read_identity
from policysearch.service.state_folder import StateFolder
from tests.support.real_service import NETWORK, PATIENCE, search_by_command_line, trials
from tests.support.service_server import CommandServer

SETTINGS = {"data": "fashion-small", "trials": 6, "confirm": 1, "finalists": 1, "images": 40, "epochs": 2}
AT_ONCE = 4
"""Jobs that are not done and not deleted, at most."""
RESTS = ("stopped", "cancelled", "interrupted", "failed")


@dataclass
class KillRecord:
    """What became of one series of kills.

    Attributes:
        kills: of the server, by what it was doing; of runners.
        acts: requests that were answered.
        jobs: jobs at the end, by state.
        faults: what must not happen, in words; empty if all is well.
    """

    kills: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class _Server(CommandServer):
    """`policysearch serve` with the plugin that the jobs train, and two workers."""

    @property
    def command(self) -> list[str]:
        plugin = f"tiny={self.state.parent / 'networks.py'}"
        return [*super().command, "--plugin", plugin, "--place", "local-cpu=2"]

    def launch(self) -> None:
        """Start it without waiting until it answers."""
        with (self.state / "server.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def client(self) -> Service:
        return Service(self.url, (self.state / "admin.token").read_text().strip(), timeout=30)


class KillSeries:
    """One series of kills on a new state folder.

    Args:
        folder: for all files; must not exist.
        rng: draws what is done and when.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        folder.mkdir()
        (folder / "networks.py").write_text(NETWORK)
        data = np.random.default_rng(0)
        np.savez(
            folder / "images.npz",
            x_train=data.integers(0, 255, (400, 8, 8), dtype=np.uint8),
            y_train=np.arange(400) % 4,
            x_test=data.integers(0, 255, (40, 8, 8), dtype=np.uint8),
            y_test=np.arange(40) % 4,
        )
        self.folder = folder
        self.rng = rng
        self.seconds = 1.0  # that the last request took
        self.record = KillRecord()
        self.server = _Server(folder / "state")
        self.files = StateFolder(folder / "state")

    def run(self, kills: int, expected: Path) -> KillRecord:
        """Kill the server so many times, let all jobs end, and look at what is there.

        Args:
            kills: of the server.
            expected: the folder of the same search, undisturbed.
        """
        try:
            self._start()
            for _ in range(2):
                self._search()
            for _ in range(kills):
                self._disturb()
            self._let_all_end()
            self._examine(expected)
        finally:
            self._end_everything()
        return self.record

    def _start(self) -> None:
        self.server.launch()
        end = time.monotonic() + PATIENCE
        while not self.server.answers():
            if self.server.process is None or self.server.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the server does not start: {self.server.log()[-2000:]}")
            time.sleep(0.1)

    def _disturb(self) -> None:
        """Ask for something, and kill the server a moment later; sometimes a runner too; start the server again."""
        act = self.rng.choice(
            (self._search, self._search, self._rest, self._rest, self._resume, self._delete, self._upload)
        )
        thread = threading.Thread(target=self._ask, args=(act,), daemon=True)
        thread.start()
        if self.rng.random() < 0.4:
            time.sleep(self.rng.uniform(0, self.seconds))
        else:
            thread.join(60)
            time.sleep(self.rng.choice((self.rng.uniform(0, 0.5), self.rng.uniform(0, 5))))
        if self.rng.random() < 0.2:
            self._kill_a_runner()
        self.server.kill()
        self.record.kills[f"server during {act.__name__.strip('_')}" if thread.is_alive() else "server between"] += 1
        thread.join(60)
        if self.rng.random() < 0.2:
            self.server.launch()
            time.sleep(self.rng.uniform(0, 3))
            self.server.kill()
            self.record.kills["server while it starts"] += 1
        self._start()

    def _ask(self, act: Callable[[], None]) -> None:
        start = time.monotonic()
        with suppress(Exception):  # the server is killed meanwhile
            try:
                act()
            except IndexError:  # there is no such job
                act = self._search
                act()
            self.record.acts[act.__name__.strip("_")] += 1
            self.seconds = time.monotonic() - start

    def _jobs(self) -> list[tuple[Job, str]]:
        service = self.server.client()
        return [(service.job(fields["id"]), fields["state"]) for fields in service.jobs()]

    def _search(self) -> None:
        if sum(state != "done" for _, state in self._jobs()) < AT_ONCE:
            self.server.client().search(**SETTINGS, workers=1, model="tiny:tiny")

    def _rest(self) -> None:
        job = self._one_of(lambda state: state not in RESTS)
        self.rng.choice((job.stop, job.cancel))()

    def _resume(self) -> None:
        self._one_of(lambda state: state in RESTS).resume()

    def _delete(self) -> None:
        self._one_of(lambda state: state in (*RESTS, "done")).delete()

    def _upload(self) -> None:
        self.server.client().upload(self.folder / "images.npz")

    def _one_of(self, suits) -> Job:
        return self.rng.choice([job for job, state in self._jobs() if suits(state)])

    def _kill_a_runner(self) -> None:
        groups = [group for path in self.files.runs.iterdir() if (group := self._group(path))]
        if groups:
            with suppress(ProcessLookupError):
                os.kill(self.rng.choice(groups)[0], 9)
                self.record.kills["runner"] += 1

    def _group(self, path: Path) -> list[int]:
        identity = read_identity(path / "runner.json")
        return members(identity, f"POLICYSEARCH_JOB={path.name}:{identity.attempt}") if identity else []

    def _let_all_end(self) -> None:
        """Resume what rests, until all is done."""
        if not self._jobs():
            self._search()
        end = time.monotonic() + 3 * PATIENCE
        while time.monotonic() < end:
            jobs = self._jobs()
            if all(state == "done" for _, state in jobs):
                return
            for job, state in jobs:
                if state in RESTS:
                    with suppress(Exception):
                        job.resume()
            time.sleep(1.0)
        self.record.faults.append("a job does not end")

    def _examine(self, expected: Path) -> None:
        rows = trials(expected / "trials.csv")
        for job, state in self._jobs():
            self.record.jobs[state] += 1
            run = self.files.job(job.id).run
            missing = [name for name in ("policy.json", "report.html", "trials.csv") if not (run / name).exists()]
            if missing:
                self.record.faults.append(f"a job that is {state} lacks {', '.join(missing)}")
            elif trials(run / "trials.csv") != rows:
                self.record.faults.append("trials lost or changed")
        left = {path.name for path in self.files.runs.iterdir()} - {job.id for job, _ in self._jobs()}
        self.record.faults += [f"{len(left)} folders of deleted jobs are left"] * bool(left)
        for folder in (self.files.incoming, self.files.trash):
            self.record.faults += [f"{path.name} is left in {folder.name}" for path in folder.iterdir()]
        if "Traceback" in self.server.log():
            self.record.faults.append("the server printed a traceback")
        self.record.faults += ["a process is left" for path in self.files.runs.iterdir() if self._group(path)]

    def _end_everything(self) -> None:

        self.server.kill()
        for path in self.files.runs.iterdir():
            for pid in self._group(path):
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)


def undisturbed(folder: Path) -> Path:
    """The search of a series by the command line; returns its folder."""
    folder.mkdir()
    return search_by_command_line(folder, folder / "run", trials=SETTINGS["trials"])
