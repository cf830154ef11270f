"""Limits of the service: defaults, and the operator's own from `serve.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from policysearch.core.errors import UserError, in_one_sentence, unknown_name

_HOUR = 3600.0
_GB = 10**9


@dataclass(frozen=True)
class Limits:
    """How much users may ask for. Sizes are bytes and times seconds.

    Attributes:
        body_bytes: of a request in JSON.
        form_fields: fields of a form.
        running, queued: jobs of one user that are at work, and that wait.
        user_data_bytes, user_run_bytes: disk of one user, for data sets and for jobs.
        user_streams, streams: live pages of one user, and of all.
        pulls, images, epochs, arms: of one search.
        job_seconds: a job that works longer is stopped, as by its owner.
        worker_seconds: workers times seconds of one job; 0 for no limit.
        requests_a_second, burst: of one token.
        log_tries: logins that one address may try in a minute.
        log_bytes: of one job's log; where it outgrows this, all behind its first half is given up.
        grace: seconds between Ctrl-C and the kill of a job that is cancelled.
        upload_bytes: one upload.
        members, unpacked_bytes, expansion: files in a zip, their size, and their size over the zip's.
        image_pixels: of one image.
        checker_bytes, checker_cpu, checker_seconds: memory, CPU seconds and seconds of the process that checks an
            upload or a job's settings.
        session_seconds: how long a browser stays logged in.

    Example:
        >>> Limits(queued=2).queued, Limits().running
        (2, 3)
    """

    body_bytes: int = 1_000_000
    form_fields: int = 50
    running: int = 3
    queued: int = 20
    user_data_bytes: int = 20 * _GB
    user_run_bytes: int = 200 * _GB
    user_streams: int = 50
    streams: int = 200
    pulls: int = 2_000
    images: int = 100_000
    epochs: int = 10_000
    arms: int = 2_000
    job_seconds: float = 48 * _HOUR
    worker_seconds: float = 0.0
    requests_a_second: float = 20.0
    burst: int = 60
    log_tries: int = 10
    log_bytes: int = 50_000_000
    grace: float = 20.0
    upload_bytes: int = 1 * _GB
    members: int = 500_000
    unpacked_bytes: int = 10 * _GB
    expansion: float = 100.0
    image_pixels: int = 50_000_000
    checker_bytes: int = 4 * _GB
    checker_cpu: float = 600.0
    checker_seconds: float = 900.0
    session_seconds: float = 12 * _HOUR


def read_limits(path: Path) -> Limits:
    """The limits in a TOML file; the defaults where there is no file.

    Raises:
        UserError: the file cannot be read, has an unknown key, or a value is no number or negative.
    """
    if not path.exists():
        return Limits()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the limits in {path}: {' '.join(str(error).split())}") from None
    mistakes = [text for key, value in values.items() if (text := _mistake(key, value))]
    if mistakes:
        raise UserError(f"{path}: {in_one_sentence(mistakes)}")
    return Limits(**values)


def _mistake(key: str, value: Any) -> str:
    """What is wrong with one entry, or nothing."""
    defaults = {field.name: field.default for field in fields(Limits)}
    if key not in defaults:
        return str(unknown_name("limit", key, defaults))
    whole = isinstance(defaults[key], int)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return f"{key} must be a {'whole ' * whole}number, got {value!r}"
    return f"{key} must be 0 or more, got {value!r}" if value < 0 else ""
