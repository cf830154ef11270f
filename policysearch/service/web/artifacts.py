"""The files of a job that may be downloaded: a table of names, and nothing else."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from policysearch.core.errors import UserError
from policysearch.service.job import Job
from policysearch.service.requests import shared_settings
from policysearch.service.state_folder import StateFolder
from policysearch.service.web.confined_files import open_below, read_below
from policysearch.study.config import make_config

_LARGEST_CONFIG = 1_000_000
SETTINGS = "settings.toml"
"""The one file that is made when it is asked for: the resolved settings without paths and secrets."""


@dataclass(frozen=True)
class Artifact:
    """A file that may be downloaded.

    Attributes:
        parts: where it is below the job's folder.
        media_type: its type.
        at_rest: whether it may be read only while the job rests.
        page: whether it is a page, which a browser may show but not run.
    """

    parts: tuple[str, ...]
    media_type: str
    at_rest: bool = False
    page: bool = False


def _in_run(name: str, media_type: str, *, at_rest: bool = False, page: bool = False) -> Artifact:
    return Artifact(("run", name), media_type, at_rest, page)


_JSON, _TOML, _CSV, _PNG, _HTML = "application/json", "application/toml", "text/csv", "image/png", "text/html"

ARTIFACTS: Mapping[str, Artifact] = MappingProxyType(
    {
        "policy.json": _in_run("policy.json", _JSON),
        "report.html": _in_run("report.html", _HTML, page=True),
        "trials.csv": _in_run("trials.csv", _CSV),
        "search.png": _in_run("search.png", _PNG),
        "space.toml": _in_run("space.toml", _TOML),
        SETTINGS: _in_run("config.toml", _TOML),
        "study.db": _in_run("study.db", "application/vnd.sqlite3", at_rest=True),
        "calibration.toml": _in_run("calibration.toml", _TOML),
        "calibration.json": _in_run("calibration.json", _JSON),
        "calibration.png": _in_run("calibration.png", _PNG),
        "table.parquet": _in_run("table.parquet", "application/vnd.apache.parquet"),
        "evaluation.html": _in_run("evaluation.html", _HTML, page=True),
        "evaluation.md": _in_run("evaluation.md", "text/markdown"),
        "evaluation.json": _in_run("evaluation.json", _JSON),
        "evaluation.png": _in_run("evaluation.png", _PNG),
        "test-reads.jsonl": _in_run("test-reads.jsonl", "application/jsonl"),
        "best.png": Artifact(("best.png",), _PNG),
        "events.jsonl": Artifact(("events.jsonl",), "application/jsonl"),
        "log.txt": Artifact(("log.txt",), "text/plain"),
    }
)
"""By the name in a request; each kind of job makes some of them."""


def open_artifact(folder: StateFolder, job: Job, name: str) -> int | None:
    """Open a file of a job.

    Args:
        folder: the service's.
        job: whose file it is.
        name: a key of ARTIFACTS, but not SETTINGS.

    Returns:
        A descriptor, which the caller closes; None where the file is not there, or may not be read now.
    """
    artifact = ARTIFACTS[name]
    if artifact.at_rest and not job.at_rest:
        return None
    return open_below(folder.job(job.id).path, artifact.parts)


def settings_text(folder: StateFolder, job: Job) -> str | None:
    """The resolved settings of a job as TOML, without paths and secrets; None before they are resolved."""
    data = read_below(folder.job(job.id).path, ARTIFACTS[SETTINGS].parts, 0, _LARGEST_CONFIG)
    if data is None:
        return None
    try:
        config = make_config(tomllib.loads(data.decode()))
    except (UserError, ValueError):
        return None
    return shared_settings(config, job.request)


def sizes(folder: StateFolder, job: Job) -> dict[str, int]:
    """The files of a job that are there, by name, with their size in bytes."""
    sizes_by_name: dict[str, int] = {}
    for name in ARTIFACTS:
        if name == SETTINGS:
            continue
        file = open_artifact(folder, job, name)
        if file is not None:
            sizes_by_name[name] = os.fstat(file).st_size
            os.close(file)
    text = settings_text(folder, job)
    return sizes_by_name if text is None else {**sizes_by_name, SETTINGS: len(text.encode())}
