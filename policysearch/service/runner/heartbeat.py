"""A sign of life while nothing else happens: half a minute of silence looks like a fault."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from policysearch.service.runner.event_writer import EventLog
from policysearch.service.runner.log_file import keep_within
from policysearch.service.state_folder import JobFolder

_LOOK_SECONDS = 2.0
_SILENT_SECONDS = 10.0


@contextmanager
def heartbeat(log: EventLog, folder: JobFolder, log_bytes: int) -> Iterator[None]:
    """Repeat the last phase where no event has come for a while, and keep the log within its limit, in this block."""
    end = threading.Event()

    def beat() -> None:
        while not end.wait(_LOOK_SECONDS):
            if log.silence > _SILENT_SECONDS:
                log.repeat_phase()
            keep_within(folder.log, log_bytes)

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
