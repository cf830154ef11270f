"""What the page of a job shows, read from the service."""

from __future__ import annotations

from policysearch.service.database.viewer import Viewer
from policysearch.service.job import Job
from policysearch.service.pages.job.view import JobView, log_tail, modified, newest_events
from policysearch.service.web.artifacts import sizes
from policysearch.service.web.results import live_of
from policysearch.service.web.state import ServiceState


def read_view(service: ServiceState, job: Job, viewer: Viewer, now: float) -> JobView:
    """All that the page of a job shows. The events come first: what is read later may know more, never less.

    Args:
        service: where the job is.
        job: its row.
        viewer: who looks.
        now: seconds since the epoch.
    """
    folder = service.folder.job(job.id)
    newest = newest_events(folder.events)
    return JobView(
        job,
        now,
        live=live_of(service, job),
        newest=newest,
        log=log_tail(folder),
        files=list(sizes(service.folder, job).items()),
        picture=modified(folder.best_picture),
        position=service.scheduler.waiting().get(job.id),
        note=service.scheduler.note(job.id),
        history=service.jobs.history(job.id),
        may_change="run" in viewer.scopes and (viewer.is_admin or viewer.name == job.owner),
    )
