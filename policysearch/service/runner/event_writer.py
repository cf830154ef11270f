"""Writing the log of a job's events."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from policysearch.core.jsonable import plain

_LOG = logging.getLogger(__name__)


class EventLog:
    """Appends events to a file. An event that cannot be written, on a full disk, never ends the job: it is left out.

    Args:
        path: of the file.
        clock: gives seconds since the epoch.

    Attributes:
        last_phase: the fields of the last event of that kind.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._clock = clock
        self._last = time.monotonic()
        self._one_line = threading.Lock()
        self.last_phase: dict[str, Any] = {}

    @property
    def silence(self) -> float:
        """Seconds since the last event."""
        return time.monotonic() - self._last

    def append(self, kind: str, **fields: Any) -> None:
        """Append one event."""
        with self._one_line:
            if kind == "phase":
                self.last_phase = fields
            self._write(kind, fields)

    def repeat_phase(self) -> None:
        """Append the last event of the kind `phase` once more."""
        with self._one_line:
            self._write("phase", self.last_phase)

    def _write(self, kind: str, fields: dict[str, Any]) -> None:
        event = {"t": round(self._clock(), 3), "kind": kind, **fields}
        line = json.dumps(plain(event), ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        self._last = time.monotonic()
        try:
            broken = self._ends_in_the_middle()
            os.write(self._file, b"\n" * broken + line + b"\n")
        except OSError as error:
            _LOG.warning("an event of kind %s could not be written: %s", kind, error.strerror)

    def _ends_in_the_middle(self) -> bool:
        """Whether the last line was cut off, by a kill or by a full disk."""
        size = os.fstat(self._file).st_size
        return size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
