"""Asking for a job: what it would cost, and adding it to the queue."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Query, Request, Response

from policysearch.service.database.jobs import QueueFull
from policysearch.service.database.viewer import Viewer
from policysearch.service.job import Job
from policysearch.service.requests import MODELS, RequestContext, request_of, validated
from policysearch.service.web.context import context_of, refusals_as_problems
from policysearch.service.web.forecast import forecast
from policysearch.service.web.job_json import detail
from policysearch.service.web.jobs import queue_full
from policysearch.service.web.problem import Problem
from policysearch.service.web.security import Runner
from policysearch.service.web.state import ServiceState, service_of
from policysearch.service.web.usage import must_have_room

router = APIRouter(prefix="/api/v1")

Kind = Annotated[
    Literal["search", "calibrate", "evaluate"], Query(description="the kind of job; it may stand in the body too")
]
Settings = Annotated[dict[str, Any], Body(description="settings by name, as GET /api/v1/schema/search describes them")]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        pattern=r"^[\x21-\x7e]*$",
        description="a second request with the same key gives the first one's job",
    ),
]


@router.post("/searches", status_code=201)
def add(
    request: Request, response: Response, viewer: Runner, body: Settings, kind: Kind = "search", key: Key = ""
) -> dict[str, Any]:
    """Add a job: its settings are checked, then it waits for its turn."""
    service = service_of(request)
    job, new = add_job(service, viewer, *_of_kind(kind, body), key)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"{request.scope.get('root_path', '')}/api/v1/searches/{job.id}"
    return detail(service, job)


@router.post("/searches/check")
def check(request: Request, viewer: Runner, body: Settings, kind: Kind = "search") -> dict[str, Any]:
    """Check settings as a new job's are, and say what the job would cost; nothing is added."""
    service = service_of(request)
    context = context_of(service, viewer)
    chosen, settings = _of_kind(kind, body)
    values = _checked(chosen, settings, context)
    return forecast(service, context, chosen, values, workers_of(values, context))


def add_job(service: ServiceState, viewer: Viewer, kind: str, body: dict[str, Any], key: str = "") -> tuple[Job, bool]:
    """Add a job for somebody, as the endpoint and the form do.

    Args:
        service: whose queue it joins.
        viewer: whose job it is.
        kind: of job.
        body: settings by name.
        key: of the request; empty for none.

    Returns:
        The job, and whether it is new.

    Raises:
        Problem: 422 with the sentence of each field, or 429 where the queue is full.
    """
    context = context_of(service, viewer)
    values = _checked(kind, body, context)
    must_have_room(service, viewer.name)
    most = service.limits.queued
    try:
        job, new = service.jobs.add(
            viewer.name,
            kind,
            values,
            workers=workers_of(values, context),
            name=values.get("name", ""),
            place=values.get("place", ""),
            key=key,
            most_waiting=most,
        )
    except QueueFull as error:
        raise queue_full(error, most) from None
    if new and (values.get("note") or values.get("labels")):
        job = service.jobs.describe(job.id, note=values.get("note"), labels=values.get("labels"))
    service.scheduler.poke()
    return job, new


def workers_of(values: dict[str, Any], context: RequestContext) -> int:
    """How many workers a job gets: those that it asks for, or all of a GPU or cluster that it names, or one."""
    if values.get("workers"):
        return int(values["workers"])
    named = [place for place in context.places if place.name == values.get("place") and (place.gpu or place.address)]
    return named[0].slots if named else 1


def _of_kind(kind: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of job and its settings: the body may say the kind too.

    Raises:
        Problem: 422, there is no such kind.
    """
    if "kind" not in body:
        return kind, body
    settings = dict(body)
    kind = settings.pop("kind")
    if not isinstance(kind, str) or kind not in MODELS:
        sentence = f"must be one of {', '.join(MODELS)}, got {str(kind)[:80]!r}"
        raise Problem(422, "refused", f"kind: {sentence}", {"kind": sentence})
    return kind, settings


def _checked(kind: str, body: dict[str, Any], context: RequestContext) -> dict[str, Any]:
    """What is kept of a request that may become a job.

    Raises:
        Problem: 422.
    """
    with refusals_as_problems():
        return request_of(validated(kind, body, context))
