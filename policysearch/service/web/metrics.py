"""Numbers about the server in Prometheus's text format 0.0.4."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse

from policysearch.core.version import __version__
from policysearch.service.database.job_counts import count_by_state, oldest_waiting, pulls_done
from policysearch.service.job import State
from policysearch.service.web.security import Admin
from policysearch.service.web.state import ServiceState, service_of

router = APIRouter()

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: without the program's prefix.
        text: what it is, one line.
        samples: values by labels.
    """

    name: str
    text: str
    samples: Iterable[tuple[Mapping[str, str], float]]


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request, viewer: Admin) -> PlainTextResponse:
    """Jobs by state, pulls, the age of the queue, workers and live pages, for Prometheus."""
    rows = measured(service_of(request), request.app.state.streams.count)
    return PlainTextResponse("".join(map(as_text, rows)), media_type=_TYPE)


def measured(service: ServiceState, streams: int) -> list[Metric]:
    """What is measured now.

    Args:
        service: the service.
        streams: live pages that are open.
    """
    database = service.jobs.database
    counts = count_by_state(database)
    oldest = oldest_waiting(database)
    uses = service.scheduler.usage()
    age = 0.0 if oldest is None else max(0.0, time.time() - oldest)
    return [
        Metric("info", "The version of the server.", [({"version": __version__}, 1)]),
        Metric("jobs", "Jobs by state.", [({"state": state}, counts.get(state, 0)) for state in State]),
        Metric("pulls", "Pulls of all jobs that are kept.", [({}, pulls_done(database))]),
        Metric("queue_age_seconds", "Age of the job that has waited longest.", [({}, age)]),
        Metric("workers", "Workers of a place.", [({"place": use.place.name}, use.place.slots) for use in uses]),
        Metric("workers_used", "Workers that are given out.", [({"place": use.place.name}, use.used) for use in uses]),
        Metric(
            "place_closed", "Whether no job is started there.", [_closed(use.place.name, use.closed) for use in uses]
        ),
        Metric("streams", "Live pages that are open.", [({}, streams)]),
        Metric(
            "scheduler_trouble", "Whether the scheduler's last step failed.", [({}, bool(service.scheduler.trouble))]
        ),
    ]


def _closed(name: str, reason: str) -> tuple[Mapping[str, str], float]:
    return {"place": name}, float(bool(reason))


def as_text(metric: Metric) -> str:
    """A metric in Prometheus's text format.

    Example:
        >>> print(as_text(Metric("jobs", "Jobs by state.", [({"state": "done"}, 2)])), end="")
        # HELP policysearch_jobs Jobs by state.
        # TYPE policysearch_jobs gauge
        policysearch_jobs{state="done"} 2
    """
    name = f"policysearch_{metric.name}"
    lines = [f"# HELP {name} {metric.text}", f"# TYPE {name} gauge"]
    lines += [f"{name}{_labels(labels)} {float(value):.15g}" for labels, value in metric.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
