"""A scheduler with real processes and small real searches, in this process or in one that can be killed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from policysearch.service.database.connection import open_database
from policysearch.service.database.jobs import Jobs
from policysearch.service.job import Job
from policysearch.service.limits import Limits
from policysearch.service.runner.identity import Identity, members, read_identity
from policysearch.service.scheduler.places import Place
from policysearch.service.scheduler.scheduler import Scheduler
from policysearch.service.state_folder import JobFolder, StateFolder

PATIENCE = 400.0
"""Seconds after which something counts as hung; on a busy machine a search takes a minute."""
NETWORK = """
from torch import nn

def tiny(channels, num_classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * channels, num_classes))
"""
TIMED = ("seconds", "worker", "memory", "images_per_second", "metrics")
"""What the columns of trials.csv that hold times have in their names."""


class RealService:
    """A scheduler on a state folder.

    Args:
        path: holds the state and the network that is trained.
        workers: of its only place.
        grace: seconds between SIGINT and SIGKILL.
    """

    def __init__(self, path: Path, workers: int = 1, grace: float = 20.0) -> None:
        self.path = path
        self.folder = StateFolder(path / "state")
        self.folder.make()
        (path / "networks.py").write_text(NETWORK)
        self.database = open_database(None, self.folder.database)
        self.jobs = Jobs(self.database)
        places = [Place("local-cpu", workers)]
        self.scheduler = Scheduler(self.folder, self.jobs, places, Limits(grace=grace), settings_of=settings_of)

    def close(self) -> None:
        self.scheduler.end_jobs()
        self.scheduler.close()
        self.database.close()

    def search(self, owner: str = "anna", **settings: Any) -> str:
        """A search of a tiny network, whose settings need no check."""
        return self.job("search", small(self.path, **settings), owner)

    def job(self, kind: str, request: Mapping[str, Any], owner: str = "anna") -> str:
        job = self.jobs.add(owner, kind, request, workers=1)[0].id
        self.jobs.enter(job, "queued")
        return job

    def until(self, holds: Callable[[], Any]) -> Any:
        """Make steps until something holds; what it is."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.scheduler.step()
            if value := holds():
                return value
            time.sleep(0.1)
        raise AssertionError(f"it did not come: {[(job.id, job.state, job.reason) for job in self.jobs.page(None)]}")

    def until_state(self, job: str, *states: str) -> Job:
        return self.until(lambda: self.jobs.get(job).state in states and self.jobs.get(job))

    def until_pulls(self, job: str, count: int) -> None:
        self.until(lambda: self.events(job).count('"pull_ended"') >= count)

    def files(self, job: str) -> JobFolder:
        return self.folder.job(job)

    def events(self, job: str) -> str:
        path = self.files(job).events
        return path.read_text() if path.exists() else ""

    def runner(self, job: str) -> Identity:
        identity = read_identity(self.files(job).runner)
        assert identity is not None
        return identity

    def group(self, job: str) -> list[int]:
        """The processes of a job that are alive."""
        identity = read_identity(self.files(job).runner)
        return members(identity, f"POLICYSEARCH_JOB={job}:{identity.attempt}") if identity else []

    def states(self, job: str) -> list[str]:
        return [str(change.state) for change in self.jobs.history(job)]


def small(path: Path, **settings: Any) -> dict[str, Any]:
    """Settings of a search that takes seconds."""
    tiny = {"data": "fashion-small", "trials": 8, "confirm": 1, "finalists": 1, "images": 40, "epochs": 2}
    return {**tiny, "model": f"{path / 'networks.py'}:tiny", **settings}


def settings_of(job: Job, folder: JobFolder, place: Place) -> dict[str, Any]:
    request = {
        name: value for name, value in job.request.items() if name not in ("calibration", "evaluation", "policy")
    }
    own = {name: job.request[name] for name in ("calibration", "evaluation", "policy") if name in job.request}
    return {"training": {**request, "workers": job.workers, **place.settings()}, **own}


def trials(path: Path) -> list[dict[str, str]]:
    """The rows of a trials.csv without the columns that hold times."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return [{name: text for name, text in row.items() if not any(part in name for part in TIMED)} for row in rows]


def search_by_command_line(path: Path, out: Path, **settings: Any) -> Path:
    """The same search as `RealService.search`, by the command line; returns its folder."""
    (path / "networks.py").write_text(NETWORK)
    values = {**small(path, **settings), "workers": 1, "out": out}
    flags = [word for name, value in values.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "policysearch", "search", *flags]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    return out


@contextmanager
def scheduler_process(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler on that folder's state in a process of its own, killed at the end."""
    with (path / "scheduler.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", __name__, str(path)], stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kill_group(job_group: list[int]) -> None:
    for pid in job_group:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    RealService(Path(sys.argv[1])).scheduler.run_until(threading.Event())
