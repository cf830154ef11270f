"""The processes of jobs: started in sessions of their own, interrupted, killed, and looked at by their files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from policysearch.service.runner.identity import is_locked, members, read_identity
from policysearch.service.state_folder import JobFolder, StateFolder

MARK = "POLICYSEARCH_JOB"
"""The variable by which the processes of a job are known, whatever became of their parents."""
_CACHES = {"POLICYSEARCH_CACHE": "data", "XDG_CACHE_HOME": "others", "MPLCONFIGDIR": "matplotlib"}
"""Where in the state's folder runners cache what they would otherwise make again in each job's folder."""
_PACKAGES = Path(__file__).parents[3]
"""Where this package is, so that a runner is of the same version."""
_INHERITED = (
    *("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_HOME", "SSL_CERT_FILE"),
    *("POLICYSEARCH_CACHE", "TORCH_HOME", "HF_HOME", "OMP_NUM_THREADS"),
)
"""What a runner inherits of the server's environment; passwords and tokens are not among it."""


@dataclass(frozen=True)
class Sight:
    """What is seen of a job's process.

    Attributes:
        lock: whether a process holds the job.
        identity: whether a process of this attempt has begun.
        processes: how many of its processes are alive.
        launch: whether this server started one.
        code: the exit code of the process that this server started; None while it is alive, or if there is none.
    """

    lock: bool
    identity: bool
    processes: int
    launch: bool = False
    code: int | None = None

    @property
    def gone(self) -> bool:
        """Whether nothing of it is alive, so that its workers may be given to others."""
        return not self.lock and not self.processes


class Processes(Protocol):
    """Starts, signals and looks at the processes of jobs."""

    def start(self, folder: JobFolder, attempt: str, environment: Mapping[str, str]) -> None:
        """Start a runner. Raises OSError."""

    def see(self, folder: JobFolder, attempt: str) -> Sight:
        """What is there of an attempt's process."""

    def signal(self, folder: JobFolder, number: int) -> None:
        """SIGINT to the runner itself; SIGKILL to all processes of its group and session."""


class SystemProcesses:
    """The processes of this machine.

    Args:
        folder: of the service's state, whose cache all runners share.
        environment: what all runners get in addition, such as a Ray token's path.
    """

    def __init__(self, folder: StateFolder, environment: Mapping[str, str] | None = None) -> None:
        caches = {name: str(folder.cache / part) for name, part in _CACHES.items()}
        self._environment = {**caches, **(environment or {})}
        self._launches: dict[tuple[Path, str], subprocess.Popen[bytes]] = {}

    def start(self, folder: JobFolder, attempt: str, environment: Mapping[str, str]) -> None:
        """Start a runner in a session of its own, with a clean environment; it outlives this process.

        Raises:
            OSError: it cannot be started, or its log not be written.
        """
        command = [sys.executable, "-m", "policysearch.service.runner", str(folder.path), attempt]
        with folder.log.open("ab") as log:
            self._launches[folder.path, attempt] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder.path,
                env=self._clean(folder, attempt, environment),
                start_new_session=True,
            )

    def see(self, folder: JobFolder, attempt: str) -> Sight:
        """What is there of an attempt's process; one that this process started and that has ended is reaped."""
        launch = self._launches.get((folder.path, attempt))
        code = None if launch is None else launch.poll()
        alive = launch is not None and code is None
        # A runner locks its folder before it writes its identity: read the other way round, one that has just begun
        # would look like one that died.
        identity = read_identity(folder.runner)
        locked = is_locked(folder.lock)
        begun = identity is not None and identity.attempt == attempt
        # All processes of the machine are looked through, so only where the lock does not say that it lives.
        group = members(identity, _mark(folder, attempt)) if identity is not None and begun and not locked else []
        if not (locked or group or alive):
            self._launches.pop((folder.path, attempt), None)
        return Sight(locked, begun, len(group) or int(alive), launch is not None, code)

    def signal(self, folder: JobFolder, number: int) -> None:
        """SIGINT to the runner itself, which ends what it has begun; SIGKILL to all processes of its group."""
        identity = read_identity(folder.runner)
        group = [] if identity is None else members(identity, _mark(folder, identity.attempt))
        if identity is not None and number != signal.SIGKILL:
            group = [pid for pid in group if pid == identity.pid]
        launches = [process for (path, _), process in self._launches.items() if path == folder.path]
        group += [process.pid for process in launches if process.poll() is None and process.pid not in group]
        for pid in group:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _clean(self, folder: JobFolder, attempt: str, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment of a runner: nothing of the server's but what it names."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {
            "PATH": os.defpath,
            "OMP_NUM_THREADS": "1",
            **self._environment,
            **inherited,
            "HOME": str(folder.path),
            "PYTHONPATH": str(_PACKAGES),
            "PYTHONUNBUFFERED": "1",
            **environment,
            MARK: f"{folder.path.name}:{attempt}",
        }


def _mark(folder: JobFolder, attempt: str) -> str:
    return f"{MARK}={folder.path.name}:{attempt}"
