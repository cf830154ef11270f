"""Jobs: the list, one of them, what it is called, and its end."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from policysearch.service.database.jobs import QueueFull
from policysearch.service.ids import is_id
from policysearch.service.job import Intent, State, WrongState
from policysearch.service.web.job_json import detail, summary
from policysearch.service.web.lookup import own_job, visible_job
from policysearch.service.web.problem import Problem
from policysearch.service.web.results import live_of
from policysearch.service.web.security import Reader, Runner
from policysearch.service.web.state import service_of
from policysearch.service.web.tags import tagged_json

router = APIRouter(prefix="/api/v1")

_LONGEST_LIST = 200


class Description(BaseModel):
    """What a job is called and who may look at it; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str | None = Field(None, max_length=200)
    note: str | None = Field(None, max_length=2_000)
    labels: list[Annotated[str, Field(min_length=1, max_length=50)]] | None = Field(None, max_length=20)
    shared: bool | None = Field(None, description="whether all users may look at it")


@router.get("/searches")
def jobs(
    request: Request,
    viewer: Reader,
    state: Annotated[list[State] | None, Query(description="only those in one of these states")] = None,
    owner: Annotated[str, Query(max_length=64)] = "",
    q: Annotated[str, Query(max_length=200, description="a text in name, note, labels or id")] = "",
    after: Annotated[str, Query(max_length=26, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=_LONGEST_LIST)] = 50,
) -> Response:
    """Jobs that one may see, newest first; `next` is the `after` of the next page, or null."""
    service = service_of(request)
    if after and not is_id(after):
        raise Problem(422, "invalid", "after: must be `next` of the page before", {"after": "must be an id"})
    rows = service.jobs.page(viewer, states=state or (), owner=owner, text=q, after=after, limit=limit + 1)
    waiting = service.scheduler.waiting()
    page = [summary(job, waiting) for job in rows[:limit]]
    return tagged_json(request, {"searches": page, "next": rows[limit - 1].id if len(rows) > limit else None})


@router.get("/searches/{job_id}")
def job(request: Request, viewer: Reader, job_id: str) -> dict[str, Any]:
    """A job: what was asked for, where it is, what it has been through, and the verdict so far."""
    service = service_of(request)
    row = visible_job(service, job_id, viewer)
    return {**detail(service, row), "verdict": live_of(service, row).get("verdict")}


@router.patch("/searches/{job_id}")
def describe(request: Request, viewer: Runner, job_id: str, description: Description) -> dict[str, Any]:
    """Change a job's name, note and labels, and whether all users may look at it."""
    service = service_of(request)
    own_job(service, job_id, viewer)
    changes = description.model_dump(exclude_none=True)
    return detail(service, service.jobs.describe(job_id, **changes))


@router.delete("/searches/{job_id}", status_code=202)
def delete(request: Request, viewer: Runner, job_id: str) -> dict[str, Any]:
    """Delete a job with all its files, once it rests."""
    service = service_of(request)
    own_job(service, job_id, viewer)
    try:
        row = service.jobs.want(job_id, Intent.DELETE)
    except WrongState as error:
        raise wrong_state(error) from None
    service.scheduler.poke()
    return summary(row, {})


def queue_full(error: QueueFull, most: int) -> Problem:
    """The answer to one more job than a user may have waiting."""
    return Problem(429, "queue_full", str(error), headers={"Retry-After": "60"}, limit=most)


def wrong_state(error: WrongState) -> Problem:
    """The answer to what makes no sense in a job's state."""
    return Problem(409, "wrong_state", error.sentence, state=error.state)
