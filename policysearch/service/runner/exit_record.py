"""How an attempt of a job ended: the last file that its runner writes, and what a check of the settings said."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from dataclasses import field as column
from pathlib import Path
from typing import Any

from policysearch.core.files import write_whole

DONE, STOPPED, CANCELLED, FAILED = "done", "stopped", "cancelled", "failed"
ENDS = frozenset({DONE, STOPPED, CANCELLED, FAILED})
_ROOM = 64 * 1024
"""Bytes that are kept for the record, so that a disk that has become full does not keep it from being written."""


@dataclass(frozen=True)
class ExitRecord:
    """How an attempt ended.

    Attributes:
        attempt: its number.
        end: "done", "stopped", "cancelled" or "failed".
        code: the class of the error; empty for none.
        sentence: what happened.
        field: the setting that the error is about; empty for none.
        log: the last lines of the log, of an attempt that failed.
        place_at_fault: whether the place could not be used, rather than the job being wrong.
    """

    attempt: str
    end: str
    code: str = ""
    sentence: str = ""
    field: str = ""
    log: str = ""
    place_at_fault: bool = False


@dataclass(frozen=True)
class CheckRecord:
    """What a check of a job's settings said.

    Attributes:
        ok: whether the job can be run.
        sentence: why not.
        field: the setting that is wrong; empty where that is not known.
        forecast: what it will cost: `worker_seconds`, and `seconds` on the clock; empty where that was not measured.
        warnings: what is odd about data or network.
    """

    ok: bool
    sentence: str = ""
    field: str = ""
    forecast: Mapping[str, Any] = column(default_factory=dict)
    warnings: tuple[str, ...] = ()


@contextmanager
def room_for_a_record(path: Path) -> Iterator[None]:
    """Keep room on the disk for a file that is written at the end of the block."""
    reserve = path.with_name(path.name + ".reserve")
    with suppress(OSError), reserve.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, _ROOM)
    try:
        yield
    finally:
        with suppress(OSError):
            reserve.unlink()


def write_record(path: Path, record: ExitRecord | CheckRecord) -> None:
    """Write a record whole, and to the disk.

    Raises:
        OSError: it cannot be written.
    """
    write_whole(path, json.dumps(asdict(record), indent=1) + "\n")
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_exit(path: Path, attempt: str) -> ExitRecord | None:
    """How that attempt ended; None if it has not."""
    fields = _read(path)
    if fields is None or fields.get("attempt") != attempt or fields.get("end") not in ENDS:
        return None
    return ExitRecord(**{name: fields[name] for name in ExitRecord.__dataclass_fields__ if name in fields})


def read_check(path: Path) -> CheckRecord | None:
    """What a check said; None if it has not ended."""
    fields = _read(path)
    if fields is None or not isinstance(fields.get("ok"), bool):
        return None
    names = set(CheckRecord.__dataclass_fields__) & set(fields)
    return CheckRecord(**{name: fields[name] for name in names})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None
