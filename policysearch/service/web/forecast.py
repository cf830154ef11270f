"""What a job would cost: its settings are tried in a process, as the scheduler does before a job waits."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError
from policysearch.core.files import write_whole
from policysearch.service.requests import RequestContext, settings_of
from policysearch.service.runner.exit_record import CheckRecord, read_check
from policysearch.service.scheduler.places import Place
from policysearch.service.scheduler.processes import SystemProcesses
from policysearch.service.state_folder import JobFolder
from policysearch.service.web.problem import Problem
from policysearch.service.web.state import ServiceState

_CHECK = "check"
_AT_ONCE = threading.BoundedSemaphore(2)
_LOOK = 0.1
_PATIENCE = 120.0
"""Seconds that a check may take while somebody waits for its answer."""


def forecast(
    service: ServiceState, context: RequestContext, kind: str, request: Mapping[str, Any], workers: int
) -> dict[str, Any]:
    """What a job would cost.

    Args:
        service: in whose folder the process works for a moment.
        context: what the request may name.
        kind: of job.
        request: as it would be kept.
        workers: that the job would get.

    Returns:
        `worker_seconds`, `seconds` on the clock and a `sentence` about them, and `warnings`.

    Raises:
        Problem: 422 with the sentence of a field, 429 where others are being checked, 504 where it takes too long.
    """
    if not _AT_ONCE.acquire(blocking=False):
        raise Problem(429, "busy", "other settings are being checked: try again", headers={"Retry-After": "5"})
    try:
        with tempfile.TemporaryDirectory(prefix="check-", dir=service.folder.incoming) as scratch:
            folder = JobFolder(Path(scratch))
            _write(folder, context, kind, request, workers)
            record = _checked(service, folder)
    finally:
        _AT_ONCE.release()
    if not record.ok:
        raise Problem(422, "refused", record.sentence, {record.field: record.sentence})
    return {**record.forecast, "sentence": in_words(record.forecast), "warnings": list(record.warnings)}


def _write(folder: JobFolder, context: RequestContext, kind: str, request: Mapping[str, Any], workers: int) -> None:
    """Write down what the process is to check.

    Raises:
        Problem: 422, what the request names is not there any more.
    """
    place = _place(context, str(request.get("place", "")), workers)
    try:
        settings = settings_of(kind, request, context, folder.path, workers, place.settings())
    except UserError as error:
        raise Problem(422, "refused", str(error)) from None
    write_whole(
        folder.job,
        json.dumps({"kind": kind, "attempt": _CHECK, "settings": settings, "changes": {"workers": workers}}) + "\n",
    )


def _place(context: RequestContext, name: str, workers: int) -> Place:
    """The place that is named, or the first that has room for so many workers."""
    able = [place for place in context.places if place.slots >= workers and name in ("", place.name)]
    if not able:
        raise Problem(422, "refused", f"no place has {workers} workers", {"workers": f"no place has {workers}"})
    return able[0]


def _checked(service: ServiceState, folder: JobFolder) -> CheckRecord:
    """Run the process to its end; whatever happens, none is left."""
    processes = SystemProcesses(service.folder)
    end = time.monotonic() + _PATIENCE
    processes.start(folder, _CHECK, {"CUDA_VISIBLE_DEVICES": ""})
    try:
        while not processes.see(folder, _CHECK).gone:
            if read_check(folder.check) is not None:
                break
            if service.ending.is_set():
                raise Problem(503, "unavailable", "the server is ending: try again in a few seconds")
            if time.monotonic() > end:
                raise Problem(
                    504, "too_slow", f"the check took longer than {_PATIENCE:g} s: add the job to have it done"
                )
            time.sleep(_LOOK)
        record = read_check(folder.check)
    finally:
        while not processes.see(folder, _CHECK).gone:
            with suppress(ProcessLookupError):
                processes.signal(folder, signal.SIGKILL)
            time.sleep(_LOOK)
    if record is None:
        raise Problem(500, "check_failed", "the process that checks the settings ended without an answer")
    return record


def in_words(values: Mapping[str, Any]) -> str:
    """A forecast as one sentence.

    Example:
        >>> in_words({"worker_seconds": 5400, "seconds": 2700})
        'It would take about 45 min on the clock, and 1.5 h of work.'
    """
    if not values.get("worker_seconds"):
        return "The settings are fine; what they cost is not known before the first pull."
    work, clock = float(values["worker_seconds"]), float(values.get("seconds") or values["worker_seconds"])
    return f"It would take about {_duration(clock)} on the clock, and {_duration(work)} of work."


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
