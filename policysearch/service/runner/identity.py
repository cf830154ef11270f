"""Which process a job's runner is: its pid alone says little, since the system gives it to others later."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from policysearch.core.files import write_whole

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc")
_START = 19
"""Where the start time is among the fields of /proc/PID/stat that follow the command."""
_PATIENCE = 5.0
"""Seconds to wait for a lock that another may hold only to look at it."""


@dataclass(frozen=True)
class Identity:
    """A process, so that no later one is taken for it.

    Attributes:
        attempt: of the job, or "check".
        pid: its process id, which is also that of its group and its session.
        start: when it began, in ticks of the kernel's clock.
        boot: the id of the boot of the machine.
    """

    attempt: str
    pid: int
    start: int
    boot: str


def own_identity(attempt: str) -> Identity:
    """The identity of this process."""
    return Identity(attempt, os.getpid(), start_time(os.getpid()) or 0, boot_id())


def boot_id() -> str:
    """The id of this boot of the machine."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def start_time(pid: int) -> int | None:
    """When a process began, in ticks of the kernel's clock; None if it has ended."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[_START])


def write_identity(path: Path, identity: Identity) -> None:
    """Write down which process has a job.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, json.dumps(asdict(identity)) + "\n")


def read_identity(path: Path) -> Identity | None:
    """Which process has or had a job; None if none has begun, or the file is damaged."""
    try:
        return Identity(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def members(identity: Identity, mark: str) -> list[int]:
    """The processes of a runner's group and session that are alive, the runner's own included.

    Args:
        identity: of the runner, which began the group.
        mark: what the environment of its processes holds, by which they are known once the runner itself has ended.
    """
    if identity.boot != boot_id():
        return []
    leader = start_time(identity.pid)
    if leader is not None and leader != identity.start:
        return []
    group = [pid for pid, fields in _processes() if str(identity.pid) in fields[2:4] and fields[0] not in "ZX"]
    return group if leader is not None else [pid for pid in group if _is_marked(pid, mark)]


def _processes() -> Iterator[tuple[int, list[str]]]:
    for entry in os.listdir(_PROCESSES):
        if entry.isdecimal():
            fields = _stat(int(entry))
            if fields is not None:
                yield int(entry), fields


def _stat(pid: int) -> list[str] | None:
    """The fields of a process behind its command: state, parent, group, session, ...; None if there is none."""
    try:
        text = (_PROCESSES / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _is_marked(pid: int, mark: str) -> bool:
    try:
        environment = (_PROCESSES / str(pid) / "environ").read_bytes()
    except OSError:  # it has just ended, or belongs to somebody else
        return False
    return mark.encode() in environment.split(b"\0")


@contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Hold a job for this process until the end of the block, or of the process, however that comes.

    Yields:
        whether it is held; False where another process holds it.

    Raises:
        OSError: the file cannot be made.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _locked(file)
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    end = time.monotonic() + _PATIENCE
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)


def is_locked(path: Path) -> bool:
    """Whether a process holds a job."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False
