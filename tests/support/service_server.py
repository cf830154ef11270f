"""A real server on a real port, whose jobs are at work in the test: `ServerProcess` can be killed and started again.

`python -m tests.support.service_server STATE PORT` is the server: everything but the scheduler is real. What a runner
would write, `FakeRunner` writes.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from policysearch.service.address import listening_socket
from policysearch.service.database.jobs import Jobs
from policysearch.service.job import Job, State
from policysearch.service.options import Options
from policysearch.service.serve import PoliteServer
from policysearch.service.setup import service
from policysearch.service.web.app import create_app

ROOT = Path(__file__).parents[2]


class ServerProcess:
    """The server as a process of its own.

    Args:
        state: folder of its state.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._open = ExitStack()
        self.service = self._open.enter_context(service(Options(state, port=self.port)))
        self.service.folder.make()
        self.service.accounts.add_user("admin", "admin")
        self.token = self.service.accounts.add_token("admin")[1]
        self.session = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """What is started."""
        return [sys.executable, "-m", "tests.support.service_server", str(self.state), str(self.port)]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.state / "server.log").open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether it is up."""
        with suppress(OSError), closing(HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        return False

    def kill(self) -> None:
        """End it as a power cut does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def close(self) -> None:
        """End it, and close what the test has open."""
        self.kill()
        self._open.close()

    def log(self) -> str:
        return (self.state / "server.log").read_text(encoding="utf-8", errors="replace")


class CommandServer(ServerProcess):
    """`policysearch serve`, whose scheduler is at work too.

    Args:
        state: folder of its state, which is made.
    """

    def __init__(self, state: Path) -> None:
        state.mkdir()
        self.state = state
        self.port = free_port()
        self.process = None

    @property
    def command(self) -> list[str]:
        """What is started."""
        return [sys.executable, "-m", "policysearch", "serve", "--state", str(self.state), "--port", str(self.port)]

    @property
    def login_address(self) -> str:
        """The address that it prints."""
        match = re.search(r"http://\S+/login#t=\S+", self.log())
        assert match, self.log()
        return match[0]

    def close(self) -> None:
        """End it, with the jobs that outlive it."""
        self.kill()
        for file in self.state.glob("runs/*/runner.json"):
            with suppress(OSError, ValueError):
                os.killpg(json.loads(file.read_bytes())["pid"], signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port: int = place.getsockname()[1]
        return port


class FakeRunner:
    """Writes what a runner would: events, a live summary, a log.

    Args:
        server: whose job it is.
        request: the settings of the job.
        name: of the job.
        owner: of the job.
    """

    def __init__(self, server: ServerProcess, request: dict[str, Any] | None = None, name: str = "", owner="admin"):
        self.jobs: Jobs = server.service.jobs
        self.job: Job = self.jobs.add(owner, "search", request or {"trials": 40}, workers=2, name=name)[0]
        self.folder = server.service.folder.job(self.job.id)
        self.folder.path.mkdir()
        self.number = 0

    def run(self) -> FakeRunner:
        """Have it running."""
        for state in (State.QUEUED, State.STARTING, State.RUNNING):
            self.jobs.enter(self.job.id, state, **({"started": time.time()} if state == State.RUNNING else {}))
        return self

    def event(self, kind: str, **fields: Any) -> None:
        """Append an event."""
        line = json.dumps({"t": time.time(), "kind": kind, **fields}) + "\n"
        with self.folder.events.open("ab") as file:
            file.write(line.encode())

    def pull(self, name: str = "flip-crop", reward: float | None = 0.8) -> int:
        """A pull that begins and ends.

        Returns:
            its number.
        """
        number, self.number = self.number, self.number + 1
        self.event("pull_started", phase="search", number=number, arm="a", name=name, images=500, epochs=80)
        error = "" if reward is not None else "out of memory"
        ended = {"reward": reward, "seconds": 4.7, "metrics": {}, "error": error}
        self.event("pull_ended", phase="search", number=number, arm="a", name=name, **ended)
        return number

    def show(self, content: dict[str, Any]) -> None:
        """Replace the live summary."""
        part = self.folder.live.with_suffix(f".{secrets.token_hex(4)}")
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(self.folder.live)

    def progress(self, done: int, **fields: Any) -> None:
        """Say how far it is."""
        values = {"phase": "search", "done": done, "total": 40, "failed": 0, "seconds_left": 60, **fields}
        self.jobs.update(self.job.id, progress=values)
        self.event("progress", **values)


def main() -> None:
    """Serve until killed."""
    state, port = Path(sys.argv[1]), int(sys.argv[2])
    with service(Options(state, port=port)) as served:
        PoliteServer(create_app(served)).run(sockets=[listening_socket(served.options)])


if __name__ == "__main__":
    main()
