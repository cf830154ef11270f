"""Streams of events: of one job, and of the list."""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from policysearch.service.web.event_lines import message
from policysearch.service.web.job_json import summary
from policysearch.service.web.lookup import visible_job
from policysearch.service.web.security import Reader
from policysearch.service.web.state import service_of
from policysearch.service.web.streams import EventStream, Streams, events_of_job, events_of_list

router = APIRouter(prefix="/api/v1")

_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}

After = Annotated[int | None, Query(ge=0, description="the id of the last event that is known")]
LastEventId = Annotated[str, Header(alias="Last-Event-ID", description="the same, as browsers send it")]


@router.get("/events", response_class=Response, responses=_STREAM)
async def list_events(
    request: Request, viewer: Reader, after: After = None, last_event_id: LastEventId = ""
) -> Response:
    """Changes of jobs, as Server-Sent Events of kind `job`; the id is a revision of the table of jobs."""
    streams: Streams = request.app.state.streams
    leave = await streams.admit(viewer)
    return EventStream(events_of_list(streams, viewer, _place(last_event_id, after)), leave)


@router.get("/searches/{job_id}/events", response_class=Response, responses=_STREAM)
async def job_events(
    request: Request, viewer: Reader, job_id: str, after: After = None, last_event_id: LastEventId = ""
) -> Response:
    """A job's events as Server-Sent Events; the id is a place in its event log. `job` is its row in the list."""
    service = service_of(request)
    streams: Streams = request.app.state.streams
    await run_sync(visible_job, service, job_id, viewer)
    leave = await streams.admit(viewer)
    feed = streams.join(job_id)

    def part() -> None:
        streams.part(job_id)
        leave()

    changes = feed.changes
    try:
        job = await run_sync(visible_job, service, job_id, viewer)
        waiting = await run_sync(service.scheduler.waiting)
    except BaseException:
        part()
        raise
    first = message("job", summary(job, waiting))
    return EventStream(events_of_job(streams, feed, first, changes, _place(last_event_id, after) or 0), part)


def _place(last_event_id: str, after: int | None) -> int | None:
    """Where the watcher is: a browser that comes again sends the header, and still has the query of the first time."""
    return int(last_event_id) if last_event_id.isdecimal() and len(last_event_id) < 19 else after
