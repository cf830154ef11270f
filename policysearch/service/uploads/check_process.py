"""The server's side of a check: a process is started, waited for as long as it may take, and its report read."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policysearch.core.files import write_whole
from policysearch.service.limits import Limits
from policysearch.service.uploads.confinement import environment

_TARGET, _SHEET = "images", "sheet.png"
_POLL = 0.2


@dataclass(frozen=True)
class Report:
    """What a check came to.

    Attributes:
        sentence: why the upload is refused; empty where it is not.
        summary: what people want to know of it.
        path: what searches read, in the folder of the check.
        sheet: the picture of samples, likewise.
    """

    sentence: str
    summary: dict[str, Any]
    path: Path
    sheet: Path


class Stopped(Exception):
    """The server ends: the check has been ended, and is done again at the next start."""


def check(upload: Path, format_name: str, name: str, folder: Path, limits: Limits, stop: threading.Event) -> Report:
    """Check an upload in a process of its own, which is ended with all that it started.

    Args:
        upload: the file.
        format_name: one of `FORMATS`.
        name: what messages call it.
        folder: of the check; emptied first.
        limits: the operator's.
        stop: set when the server ends.

    Raises:
        Stopped: `stop` was set before the check ended.
        OSError: the disk is full.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    task = {
        "upload": str(upload),
        "format": format_name,
        "name": name,
        "target": _TARGET,
        "sheet": _SHEET,
        "parent": os.getpid(),
        "limits": dataclasses.asdict(limits),
    }
    write_whole(folder / "task.json", json.dumps(task))
    code = _exit_code(folder, limits, stop)
    report = _read(folder / "report.json") if code == 0 else None
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    if report is None:
        return Report(_sentence(code, limits), {}, folder, folder)
    summary = report.get("summary") or {}
    return Report(report["sentence"], summary, folder / summary.get("file", ""), folder / _SHEET)


def _exit_code(folder: Path, limits: Limits, stop: threading.Event) -> int | None:
    """How the process ended; None where it was ended for its time."""
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "policysearch.service.uploads", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder / "tmp",
            env=environment(folder / "tmp"),
            start_new_session=True,
        )
    try:
        for _ in range(int(limits.checker_seconds / _POLL) + 1):
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_POLL)
            if stop.is_set():
                raise Stopped
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(file: Path) -> dict[str, Any] | None:
    """The report, or None where there is none: the process ended before."""
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) and isinstance(report.get("sentence"), str) else None


def _sentence(code: int | None, limits: Limits) -> str:
    """Why a check gave no report."""
    if code is None:
        return f"to check it takes more than {limits.checker_seconds:g} s: send fewer or smaller images"
    if code == -signal.SIGXCPU:
        return f"to check it takes more than {limits.checker_cpu:g} s of a processor: send fewer or smaller images"
    if code == -signal.SIGKILL:
        return "the check was ended by the system, as a rule for want of memory: send fewer or smaller images"
    return "the check failed at this file, which it should not: it is damaged in a way that no other was"
