"""Random histories: users, processes and the machine do what they like, and the server is killed at any of its steps.

Whatever happens: never more workers than a place has, no job twice at a time, and every job comes to rest.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from policysearch.service.database.job_rows import NoSuchJob
from policysearch.service.job import AT_REST, Intent, WrongState
from policysearch.service.limits import Limits
from policysearch.service.scheduler.places import Place
from tests.support.selection import slow_but
from tests.support.services import Service

PLACES = (Place("local-cpu", 3), Place("gpu:0", 2, jobs=1, gpu="0"))
SLOTS = 5
LONG = 40
"""Events of a history."""


class Killed(BaseException):
    """The server's end, which nothing in it can handle."""


class Fuse:
    """Kills the server at one of its writes, before or after it has been made."""

    def __init__(self) -> None:
        self.left = 0

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed

    def around(self, function: Callable) -> Callable:
        def call(*args, **kwargs):
            self.burn()
            result = function(*args, **kwargs)
            self.burn()
            return result

        return call

    def around_block(self, block: Callable) -> Callable:
        @contextmanager
        def entered(*args) -> Iterator:
            self.burn()
            with block(*args) as value:
                yield value
            self.burn()

        return entered


class History:
    """One history.

    Attributes:
        log: what was done, for a history that went wrong.
    """

    def __init__(self, service: Service, fuse: Fuse, rng: random.Random) -> None:
        self.service = service
        self.fuse = fuse
        self.rng = rng
        self.log: list[str] = []

    def live(self) -> None:
        events = [
            self.add,
            self.add,
            self.want,
            self.want,
            *[self.world] * 5,
            self.wait,
            self.kill_the_server,
            self.move,
        ]
        for _ in range(LONG):
            self.rng.choice(events)()
            self.step()

    def step(self) -> None:
        self.fuse.left = self.rng.choice((0, 0, 0, self.rng.randint(1, 12)))
        try:
            self.service.step()
        except Killed:
            self.log.append("killed")
            self.fuse.left = 0
            self.service.restart()
        self.fuse.left = 0
        self.service.processes.start = self.fuse.around(self.service.processes.start)
        assert self.service.world.workers() <= SLOTS, self.log
        assert self.service.world.faults == [], self.log

    def add(self) -> None:
        owner = self.rng.choice(("anna", "ben"))
        job = self.service.add(owner, self.rng.choice((1, 1, 2, 3)), place=self.rng.choice(("", "", "gpu:0")))
        self.log.append(f"{owner} adds {job[-4:]}")

    def want(self) -> None:
        jobs = self.service.jobs.page(None)
        if jobs:
            job, intent = self.rng.choice(jobs), self.rng.choice(list(Intent))
            with suppress(WrongState):
                self.service.jobs.want(job.id, intent, trials=9)
                self.log.append(f"{intent} {job.id[-4:]}")

    def move(self) -> None:
        jobs = self.service.jobs.page(None)
        if jobs:
            with suppress(WrongState, NoSuchJob):
                self.service.jobs.move(self.rng.choice(jobs).id, "")

    def world(self) -> None:
        alive = [job for job, runner in self.service.world.runners.items() if runner.alive]
        if alive:
            self.let(self.rng.choice(alive))

    def let(self, job: str) -> None:
        """Let the process of a job do its next thing."""
        runner = self.service.runner(job)
        act = self.rng.choice(("pull", "pull", "kill", "end", "end", "deaf")) if runner.begun else "begin"
        self.log.append(f"{act} {job[-4:]} {runner.attempt}")
        match act:
            case "begin":
                self.service.begin(job)
            case "pull":
                self.service.pull(job)
            case "kill":
                self.service.kill(job, children=self.rng.choice((0, 2)))
            case "deaf":
                runner.deaf = True
            case "end":
                stopped = self.service.files(job).stop.exists()
                self.service.end(job, "stopped" if stopped else self.rng.choice(("done", "done", "failed")))

    def wait(self) -> None:
        self.service.clock.wait(self.rng.choice((5.0, 40.0, 400.0)))
        self.service.clock.now += self.rng.choice((0.0, 0.0, -3600.0))

    def kill_the_server(self) -> None:
        self.log.append("restart")
        self.service.restart()

    def come_to_rest(self) -> None:
        """From now on nothing goes wrong: processes begin, and do what is wanted of them."""
        for _ in range(400):
            jobs = self.service.jobs.page(None, limit=500)
            if all(job.state in AT_REST and job.intent is not Intent.DELETE for job in jobs):
                return
            for job, runner in list(self.service.world.runners.items()):
                if runner.alive and not runner.begun:
                    self.service.begin(job)
                elif runner.alive:
                    self.service.end(job, "stopped" if self.service.files(job).stop.exists() else "done")
            for place in PLACES:
                with suppress(Exception):
                    self.service.scheduler.open_place(place.name)
            self.service.step(seconds=10.0)
        raise AssertionError(f"{[(job.id[-4:], str(job.state), job.reason) for job in jobs]} after {self.log}")


@pytest.mark.parametrize("seed", slow_but([0, 5], range(8)))
def test_every_history_ends_at_rest(tmp_path, seed, monkeypatch):
    service, fuse = Service(tmp_path, PLACES, Limits(queued=1000)), Fuse()
    monkeypatch.setattr(service.database, "writing", fuse.around_block(service.database.writing))
    monkeypatch.setattr("policysearch.service.scheduler.means.write_whole", fuse.around(writer()))
    monkeypatch.setattr("pathlib.Path.rename", fuse.around(renamer()))
    history = History(service, fuse, random.Random(seed))
    history.live()
    history.come_to_rest()
    assert service.world.workers() == 0
    assert list(service.folder.trash.iterdir()) == []
    assert {path.name for path in service.folder.runs.iterdir()} <= {
        job.id for job in service.jobs.page(None, limit=500)
    }
    service.close()


def writer() -> Callable:
    from policysearch.core.files import write_whole

    return write_whole


def renamer() -> Callable:
    from pathlib import Path

    return Path.rename
