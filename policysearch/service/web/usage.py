"""How much of the limits somebody uses."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

from policysearch.service.database.job_counts import count_by_state, ids_of
from policysearch.service.database.viewer import Viewer
from policysearch.service.job import WITH_RUNNER, State
from policysearch.service.web.problem import Problem
from policysearch.service.web.state import ServiceState

_FRESH = 60.0
"""Seconds for which the size of a folder is believed."""


class FolderSizes:
    """Sizes of folders, which are looked at once a minute at most."""

    def __init__(self) -> None:
        self._sizes: dict[Path, tuple[float, int]] = {}
        self._lock = Lock()

    def of(self, folder: Path) -> int:
        """The bytes of all files in a folder; 0 where there is none."""
        now = time.monotonic()
        with self._lock:
            looked_at, size = self._sizes.get(folder, (-_FRESH, 0))
        if now - looked_at < _FRESH:
            return size
        size = sum(_bytes_in(folder))
        with self._lock:
            self._sizes[folder] = (now, size)
        return size


_SIZES = FolderSizes()


def usage_of(service: ServiceState, viewer: Viewer) -> dict[str, Any]:
    """What somebody uses, by the names of the limits: jobs at work and waiting, and bytes of all jobs and uploads."""
    counts = count_by_state(service.jobs.database, viewer.name)
    return {
        "running": sum(counts.get(state, 0) for state in WITH_RUNNER),
        "queued": sum(counts.get(state, 0) for state in (State.CHECKING, State.QUEUED)),
        "user_run_bytes": run_bytes(service, viewer.name),
        "user_data_bytes": service.data_sets.used_bytes(viewer.name),
    }


def run_bytes(service: ServiceState, owner: str) -> int:
    """The bytes of all jobs of a user."""
    return sum(_SIZES.of(service.folder.job(job_id).path) for job_id in ids_of(service.jobs.database, owner))


def must_have_room(service: ServiceState, owner: str) -> None:
    """Check that a user may have one more job on the disk.

    Raises:
        Problem: 429, with the limit.
    """
    most = service.limits.user_run_bytes
    used = run_bytes(service, owner)
    if used >= most:
        sentence = f"your jobs take {used / 1e9:.1f} GB, and {most / 1e9:g} GB may be: delete some"
        raise Problem(429, "no_room", sentence, limit=most)


def _bytes_in(folder: Path | str) -> Iterator[int]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _bytes_in(entry.path)
        else:
            try:
                yield entry.stat(follow_symlinks=False).st_size
            except OSError:  # it has been removed meanwhile
                continue
