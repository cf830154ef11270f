"""What the checking process may not do, set by itself before it reads anything of an upload."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from policysearch.service.limits import Limits

_SET_NO_NEW_PRIVILEGES = 38
_SET_PARENT_DEATH_SIGNAL = 1
_FILES = 256
_CPU_BEYOND = 5
"""Seconds between the signal that says why, and the kill."""
_CORES = 4
"""Images are decoded on so many cores at once, each of which needs memory."""


def confine(limits: Limits, parent: int) -> None:
    """Limit this process: memory, processor time, sizes of files, privileges; and let it end with its parent.

    Args:
        limits: the operator's.
        parent: id of the process that started this one.
    """
    file_bytes = max(limits.unpacked_bytes, limits.upload_bytes)
    _limit(resource.RLIMIT_AS, limits.checker_bytes)
    _limit(resource.RLIMIT_CPU, max(1, int(limits.checker_cpu)), beyond=_CPU_BEYOND)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_NOFILE, _FILES)
    _limit(resource.RLIMIT_CORE, 0)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write that goes too far is an error, with a sentence
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_CORES])
    if sys.platform == "linux":
        system = ctypes.CDLL(None)
        system.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        system.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before that
            os._exit(1)


def _limit(kind: int, most: int, beyond: int = 0) -> None:
    """Set a limit, which may be tighter already; the hard one is that much beyond."""
    hard = resource.getrlimit(kind)[1]
    ceiling = most + beyond if hard == resource.RLIM_INFINITY else min(most + beyond, hard)
    resource.setrlimit(kind, (min(most, ceiling), ceiling))


def environment(folder: Path) -> Mapping[str, str]:
    """The environment of a checking process: nothing of the server's but where programs are.

    Args:
        folder: where it may write.
    """
    package = str(Path(__file__).resolve().parents[3])
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": package,
        "PYTHONUNBUFFERED": "1",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "POLICYSEARCH_CACHE": str(folder / "cache"),
        "LANG": "C.UTF-8",
        # One arena and one thread each: address space is limited.
        "MALLOC_ARENA_MAX": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }
