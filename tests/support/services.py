"""A scheduler whose processes and clock are made up, so that a test decides what happens and when."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event

from policysearch.service.database.connection import Database, open_database
from policysearch.service.database.jobs import Jobs
from policysearch.service.job import Job
from policysearch.service.limits import Limits
from policysearch.service.runner.exit_record import CheckRecord, ExitRecord
from policysearch.service.scheduler.places import Place
from policysearch.service.scheduler.processes import Sight
from policysearch.service.scheduler.scheduler import Scheduler
from policysearch.service.state_folder import JobFolder, StateFolder

THREE_CORES = (Place("local-cpu", 3),)


@dataclass
class MadeUpRunner:
    """A process of a job: launched, begun (it holds the lock), or ended; and what it leaves behind."""

    attempt: str
    workers: int
    alive: bool = True
    begun: bool = False
    children: int = 0
    deaf: bool = False
    code: int | None = None
    signals: list[int] = field(default_factory=list)


class World:
    """The processes of a machine; they outlive the servers that started them.

    Attributes:
        runners: the last process of each job, by its folder's name.
        faults: what must not happen, in words.
        start_error: raised when a process is to be started.
    """

    def __init__(self) -> None:
        self.runners: dict[str, MadeUpRunner] = {}
        self.faults: list[str] = []
        self.starts: list[tuple[str, str]] = []
        self.start_error: OSError | None = None
        self.environments: dict[str, Mapping[str, str]] = {}

    def launch(self, folder: JobFolder, attempt: str, environment: Mapping[str, str]) -> None:
        if self.start_error is not None:
            raise self.start_error
        before = self.runners.get(folder.path.name)
        # One that has not begun comes too late: the lock does not let it in.
        if before is not None and before.begun and (before.alive or before.children):
            self.faults.append(f"{folder.path.name} is started twice")
        workers = json.loads(folder.job.read_text())["changes"]["workers"]
        self.runners[folder.path.name] = MadeUpRunner(attempt, 0 if attempt == "check" else workers)
        self.environments[folder.path.name] = environment
        self.starts.append((folder.path.name, attempt))

    def workers(self) -> int:
        """Workers that are at work, or whose processes are still there."""
        return sum(runner.workers for runner in self.runners.values() if runner.alive or runner.children)


class MadeUpProcesses:
    """What one server sees of the world: only what it has launched itself has an exit code."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._launches: set[tuple[str, str]] = set()

    def start(self, folder: JobFolder, attempt: str, environment: Mapping[str, str]) -> None:
        self._world.launch(folder, attempt, environment)
        self._launches.add((folder.path.name, attempt))

    def see(self, folder: JobFolder, attempt: str) -> Sight:
        runner = self._world.runners.get(folder.path.name)
        if runner is None:
            return Sight(False, False, 0)
        lock = runner.alive and runner.begun
        launch = (folder.path.name, attempt) in self._launches
        if runner.attempt != attempt:
            return Sight(lock, False, 0, launch, 75 if launch else None)
        identity = runner.begun
        count = (runner.alive and (identity or launch)) + (runner.children if identity else 0)
        return Sight(lock, identity, count, launch, runner.code if launch else None)

    def signal(self, folder: JobFolder, number: int) -> None:
        runner = self._world.runners.get(folder.path.name)
        if runner is None:
            return
        runner.signals.append(number)
        if number == signal.SIGKILL:
            runner.alive, runner.children, runner.code = False, 0, -signal.SIGKILL
        elif runner.alive and runner.begun and not runner.deaf:
            self._world.runners[folder.path.name] = runner
            end(folder, runner, "cancelled")


def end(folder: JobFolder, runner: MadeUpRunner, how: str, **fields: Any) -> None:
    """Let a runner write its record and end."""
    if runner.attempt == "check":
        folder.check.write_text(json.dumps(asdict(CheckRecord(how == "done", **fields))))
    else:
        folder.exit.write_text(json.dumps(asdict(ExitRecord(runner.attempt, how, **fields))))
    runner.alive, runner.children, runner.code = False, 0, 0


class MadeUpClock:
    """A clock and a timer that move only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.timer_now = 0.0

    def __call__(self) -> float:
        self.now += 0.001  # no two changes are at the same time
        return self.now

    def timer(self) -> float:
        return self.timer_now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.timer_now += seconds


class Service:
    """A scheduler, its database and its world; `restart` is a new server after a kill -9.

    Args:
        path: a folder for its state.
        places: where jobs may run.
        limits: of users.
        database: instead of a file of SQLite.
    """

    def __init__(
        self,
        path: Path,
        places: Sequence[Place] = THREE_CORES,
        limits: Limits | None = None,
        database: Database | None = None,
    ) -> None:
        self.folder = StateFolder(path / "state")
        self.folder.make()
        self.places = places
        self.limits = limits or Limits(queued=1000)
        self.world = World()
        self.clock = MadeUpClock()
        self.database = database or _fast(open_database(None, self.folder.database))
        self.settings: Callable[[Job, JobFolder, Place], Mapping[str, Any]] = lambda job, folder, place: {
            "training": {**job.request, **place.settings()}
        }
        self.jobs = Jobs(self.database, self.clock)
        self.restart()

    def restart(self) -> None:
        self.processes = MadeUpProcesses(self.world)
        self.scheduler = Scheduler(
            self.folder,
            self.jobs,
            self.places,
            self.limits,
            self.clock,
            settings_of=lambda job, folder, place: self.settings(job, folder, place),
            processes=self.processes,
            timer=self.clock.timer,
        )

    def close(self) -> None:
        self.scheduler.close()
        self.database.close()

    def add(self, owner: str = "anna", workers: int = 1, **options: Any) -> str:
        return self.jobs.add(owner, "search", {"trials": 4}, workers=workers, **options)[0].id

    def queued(self, owner: str = "anna", workers: int = 1, **options: Any) -> str:
        """A job whose settings have been checked, and that has not started yet."""
        job = self.add(owner, workers, **options)
        self.jobs.enter(job, "queued")
        return job

    def running(self, owner: str = "anna", workers: int = 1, **options: Any) -> str:
        """A job at work."""
        job = self.queued(owner, workers, **options)
        self.step()
        self.begin(job)
        self.step()
        assert self.state(job) == "running", self.job(job)
        return job

    def step(self, count: int = 1, seconds: float = 1.0) -> None:
        for _ in range(count):
            self.scheduler.step()
            self.clock.wait(seconds)

    def job(self, job: str) -> Job:
        return self.jobs.get(job)

    def state(self, job: str) -> str:
        return str(self.job(job).state)

    def states(self, job: str) -> list[str]:
        return [str(change.state) for change in self.jobs.history(job)]

    def files(self, job: str) -> JobFolder:
        return self.folder.job(job)

    def runner(self, job: str) -> MadeUpRunner:
        return self.world.runners[job]

    def begin(self, job: str) -> None:
        """The runner takes the lock, and says so."""
        runner = self.runner(job)
        runner.begun, runner.children = True, 1
        self.event(job, "attempt", attempt=runner.attempt)

    def pull(self, job: str) -> None:
        """A pull ends."""
        self.event(job, "pull_ended", number=0)

    def event(self, job: str, kind: str, **fields: Any) -> None:
        with self.files(job).events.open("a") as file:
            file.write(json.dumps({"t": 0, "kind": kind, **fields}) + "\n")

    def end(self, job: str, how: str = "done", **fields: Any) -> None:
        """The runner writes its record and ends."""
        end(self.files(job), self.runner(job), how, **fields)

    def kill(self, job: str, code: int = -signal.SIGKILL, children: int = 0) -> None:
        """The runner is killed; `children` of its processes are left."""
        runner = self.runner(job)
        runner.alive, runner.code, runner.children = False, code, children


def _fast(database: Database) -> Database:
    """The database without waiting for the disk: a test is not killed with its machine."""
    engine = database._engine
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    engine.dispose()
    return database
