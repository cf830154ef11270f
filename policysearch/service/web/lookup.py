"""Jobs by the ids of requests."""

from __future__ import annotations

from policysearch.service.database.job_rows import NoSuchJob
from policysearch.service.database.viewer import Viewer
from policysearch.service.ids import is_id
from policysearch.service.job import Job
from policysearch.service.web.problem import not_found
from policysearch.service.web.state import ServiceState


def visible_job(service: ServiceState, job_id: str, viewer: Viewer) -> Job:
    """A job that somebody may see.

    Raises:
        Problem: 404, there is none, or it is a stranger's.
    """
    return _job(service, job_id, viewer, to_change=False)


def own_job(service: ServiceState, job_id: str, viewer: Viewer) -> Job:
    """A job that somebody may change: one of their own, or any for an administrator.

    Raises:
        Problem: 404, there is none, or it is a stranger's, shared or not.
    """
    return _job(service, job_id, viewer, to_change=True)


def _job(service: ServiceState, job_id: str, viewer: Viewer, *, to_change: bool) -> Job:
    if not is_id(job_id):
        raise not_found("job", job_id)
    try:
        job: Job = service.jobs.get(job_id, viewer, to_change=to_change)
    except NoSuchJob:
        raise not_found("job", job_id) from None
    return job
