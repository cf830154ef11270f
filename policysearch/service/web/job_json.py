"""A job as JSON: in the list, and alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policysearch.service.job import Job
from policysearch.service.web.state import ServiceState

Waiting = Mapping[str, tuple[int, str]]
"""By job id: the position in the queue, and what the job waits for."""


def summary(job: Job, waiting: Waiting) -> dict[str, Any]:
    """A job as a row of the list.

    Args:
        job: a job.
        waiting: what the scheduler says of those that wait.
    """
    position, sentence = waiting.get(job.id, (None, ""))
    return {
        "id": job.id,
        "kind": job.kind,
        "name": job.name,
        "note": job.note,
        "labels": list(job.labels),
        "owner": job.owner,
        "shared": job.shared,
        "state": job.state,
        "wanted": job.intent,
        "reason": job.reason,
        "field": job.field,
        "attempt": job.attempt,
        "place": job.place,
        "workers": job.workers,
        "created": job.created,
        "changed": job.changed,
        "started": job.started,
        "ended": job.ended,
        "position": position,
        "waits": sentence,
        "progress": dict(job.progress),
        "revision": job.revision,
    }


def detail(service: ServiceState, job: Job) -> dict[str, Any]:
    """A job with what was asked for and what it has been through."""
    history = service.jobs.history(job.id)
    return {
        **summary(job, service.scheduler.waiting()),
        "request": dict(job.request),
        "changes": dict(job.changes),
        "notice": service.scheduler.note(job.id),
        "history": [{"time": step.time, "state": step.state, "reason": step.reason} for step in history],
    }
