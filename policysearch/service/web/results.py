"""What a job has found so far: its pulls, arms, curves and log, read from its files."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.responses import JSONResponse, PlainTextResponse

from policysearch.core.jsonable import plain
from policysearch.service.job import Job
from policysearch.service.runner.event_log import tail
from policysearch.service.web.confined_files import read_below
from policysearch.service.web.files import download
from policysearch.service.web.lookup import visible_job
from policysearch.service.web.security import Reader
from policysearch.service.web.state import ServiceState, service_of

router = APIRouter(prefix="/api/v1")

_LOG_PIECE = 64 * 1024
_LARGEST_LIVE = 8_000_000
_PULLS_AT_ONCE = 2_000
_PARTS_OF_PULL = ("phase", "number", "arm", "name", "reward", "seconds", "metrics", "error")


@router.get("/searches/{job_id}/pulls")
def pulls(
    request: Request,
    viewer: Reader,
    job_id: str,
    after: Annotated[int, Query(ge=0, description="`next` of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=_PULLS_AT_ONCE)] = 200,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Pulls that have ended, in that order; with `Accept: text/csv` the whole table of the run."""
    service = service_of(request)
    job = visible_job(service, job_id, viewer)
    if "text/csv" in accept:
        return download(request, service, job, "trials.csv")
    rows, place = ended_pulls(service, job, after, limit)
    return JSONResponse(plain({"pulls": rows, "next": place}))


@router.get("/searches/{job_id}/arms")
def arms(request: Request, viewer: Reader, job_id: str) -> dict[str, Any]:
    """The leaderboard so far."""
    service = service_of(request)
    live = live_of(service, visible_job(service, job_id, viewer))
    return {"arms": live.get("leaderboard", []), "verdict": live.get("verdict"), "winner": live.get("winner")}


@router.get("/searches/{job_id}/curve")
def curve(
    request: Request, viewer: Reader, job_id: str, points: Annotated[int, Query(ge=2, le=2_000)] = 300
) -> dict[str, Any]:
    """Rewards over pulls, at most so many points, and the learning curves of the pulls in flight."""
    service = service_of(request)
    live = live_of(service, visible_job(service, job_id, viewer))
    return {"rewards": thinned(live.get("rewards", []), points), "curves": live.get("curves", {})}


@router.get("/searches/{job_id}/log", response_class=PlainTextResponse)
def log(request: Request, viewer: Reader, job_id: str, after: Annotated[int, Query(ge=0)] = 0) -> PlainTextResponse:
    """The log from a byte on, at most 64 kB; `X-Next` is the `after` of the next piece."""
    service = service_of(request)
    job = visible_job(service, job_id, viewer)
    data = read_below(service.folder.job(job.id).path, ("log.txt",), after, _LOG_PIECE) or b""
    return PlainTextResponse(data.decode(errors="replace"), headers={"X-Next": str(after + len(data))})


def live_of(service: ServiceState, job: Job) -> dict[str, Any]:
    """What a job's process wrote for its page last; empty before the first time."""
    data = read_below(service.folder.job(job.id).path, ("live.json",), 0, _LARGEST_LIVE)
    try:
        content = json.loads(data, parse_constant=_nothing) if data else {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _nothing(_: str) -> None:
    """JSON knows no number that is not finite."""


def ended_pulls(service: ServiceState, job: Job, after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
    """Pulls that have ended.

    Args:
        service: whose job it is.
        job: the job.
        after: a place in the event log.
        limit: as many at most.

    Returns:
        The pulls, and the place to go on from; None where nothing follows yet.
    """
    path = service.folder.job(job.id).events
    rows: list[dict[str, Any]] = []
    while True:
        events, reached = tail(path, after)
        for event in events:
            if event.kind != "pull_ended":
                continue
            if len(rows) == limit:
                return rows, rows[-1]["id"]
            parts = {name: event.fields.get(name) for name in _PARTS_OF_PULL}
            rows.append({"id": event.id, "time": event.fields.get("t"), **parts})
        if reached == after:
            return rows, None
        after = reached


def thinned(points: list[Any], most: int) -> list[Any]:
    """So many of the points at most, evenly spread, the first and the last among them.

    Example:
        >>> thinned(list(range(10)), 4)
        [0, 3, 6, 9]
    """
    if len(points) <= most:
        return points
    return [points[round(number * (len(points) - 1) / (most - 1))] for number in range(most)]
