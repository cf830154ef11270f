"""Stopping, cancelling, resuming and moving jobs, one or several at once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field

from policysearch.service.database.job_rows import NoSuchJob
from policysearch.service.database.jobs import QueueFull
from policysearch.service.database.viewer import Viewer
from policysearch.service.job import Intent, Job, WrongState
from policysearch.service.requests import validated_changes
from policysearch.service.web.context import context_of, refusals_as_problems
from policysearch.service.web.job_json import summary
from policysearch.service.web.jobs import queue_full, wrong_state
from policysearch.service.web.lookup import own_job
from policysearch.service.web.problem import Problem, not_found
from policysearch.service.web.security import Runner
from policysearch.service.web.state import ServiceState, service_of

router = APIRouter(prefix="/api/v1")

Changes = Annotated[
    dict[str, Any] | None, Body(description="what the job is to have more of: trials, confirm, workers")
]


class Move(BaseModel):
    """A new place in one's own queue."""

    model_config = ConfigDict(extra="forbid")

    before: str = Field("", max_length=26, description="the job it is to come before; empty for the end")


class Batch(BaseModel):
    """The same for several jobs."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[str, Field(max_length=26)]] = Field(min_length=1, max_length=200)
    action: Literal["cancel", "stop", "resume", "delete"]


@router.post("/searches/batch")
def batch(request: Request, viewer: Runner, order: Batch) -> dict[str, Any]:
    """Cancel, stop, resume or delete several jobs; for each the answer is as if it were asked for alone."""
    service = service_of(request)
    return {"results": [_outcome(service, viewer, job_id, order.action) for job_id in dict.fromkeys(order.ids)]}


@router.post("/searches/{job_id}/cancel", status_code=202)
def cancel(request: Request, viewer: Runner, job_id: str) -> dict[str, Any]:
    """Interrupt a job; what has ended is kept, and `resume` goes on from there."""
    return act(service_of(request), viewer, job_id, "cancel")


@router.post("/searches/{job_id}/stop", status_code=202)
def stop(request: Request, viewer: Runner, job_id: str) -> dict[str, Any]:
    """Let the pulls in flight end, and begin no more."""
    return act(service_of(request), viewer, job_id, "stop")


@router.post("/searches/{job_id}/resume", status_code=202)
def resume(request: Request, viewer: Runner, job_id: str, changes: Changes = None) -> dict[str, Any]:
    """Go on with a job that rests, or further with one that is done: `{"trials": 80}`."""
    return act(service_of(request), viewer, job_id, "resume", changes)


@router.post("/searches/{job_id}/move", status_code=202)
def move(request: Request, viewer: Runner, job_id: str, order: Move) -> dict[str, Any]:
    """Change a waiting job's place in its owner's queue."""
    service = service_of(request)
    own_job(service, job_id, viewer)
    try:
        job = service.jobs.move(job_id, order.before)
    except WrongState as error:
        raise wrong_state(error) from None
    except NoSuchJob:
        raise not_found("waiting job", order.before) from None
    service.scheduler.poke()
    return summary(job, service.scheduler.waiting())


def act(
    service: ServiceState, viewer: Viewer, job_id: str, action: str, changes: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write down what somebody wants of a job, as the endpoints and the pages' buttons do.

    Args:
        service: whose job it is.
        viewer: who wants it.
        job_id: of the job.
        action: "cancel", "stop", "resume" or "delete".
        changes: of a resume.

    Returns:
        The job as a row of the list.

    Raises:
        Problem: 404 for no job or a stranger's, 409 where it makes no sense, 429 where too
            many wait, 422 for changes that are not allowed.
    """
    own_job(service, job_id, viewer)
    with refusals_as_problems():
        more = validated_changes(changes, context_of(service, viewer))
    try:
        most = service.limits.queued
        job: Job = service.jobs.want(job_id, _INTENTS[action], most_waiting=most, **more)
    except QueueFull as error:
        raise queue_full(error, most) from None
    except WrongState as error:
        raise wrong_state(error) from None
    except NoSuchJob:
        raise not_found("job", job_id) from None
    service.scheduler.poke()
    return summary(job, service.scheduler.waiting())


def _outcome(service: ServiceState, viewer: Viewer, job_id: str, action: str) -> dict[str, Any]:
    try:
        job = act(service, viewer, job_id, action)
    except Problem as problem:
        return {"id": job_id, "status": problem.status, "code": problem.code, "message": problem.message}
    return {"id": job_id, "status": 202, "state": job["state"], "wanted": job["wanted"]}


_INTENTS: Mapping[str, Intent] = MappingProxyType(
    {"cancel": Intent.CANCEL, "stop": Intent.STOP, "resume": Intent.RUN, "delete": Intent.DELETE}
)
