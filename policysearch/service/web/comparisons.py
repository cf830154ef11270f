"""Searches side by side."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from policysearch.core.jsonable import plain
from policysearch.service.comparison import MOST, cautions, findings_of, obstacles, shared_policies
from policysearch.service.comparison import SearchFindings as Findings
from policysearch.service.database.viewer import Viewer
from policysearch.service.web.lookup import visible_job
from policysearch.service.web.problem import Problem
from policysearch.service.web.results import live_of
from policysearch.service.web.security import Reader
from policysearch.service.web.state import ServiceState, service_of
from policysearch.stats.independent import difference

router = APIRouter(prefix="/api/v1")

_LONGEST = 27 * MOST


@router.get("/compare")
def compare(
    request: Request,
    viewer: Reader,
    ids: Annotated[str, Query(max_length=_LONGEST, description="ids of two or more searches, separated by commas")],
) -> JSONResponse:
    """Policies of several searches with their intervals, and differences to the first search.

    409 where images, split or reward are not the same: rewards do not compare then.
    """
    service = service_of(request)
    names = list(dict.fromkeys(name.strip() for name in ids.split(",") if name.strip()))
    searches = [findings(service, viewer, name) for name in names[:MOST]]
    if not 2 <= len(names) <= MOST:
        sentence = f"name 2 to {MOST} searches by their ids, got {len(names)}"
        raise Problem(422, "invalid", f"ids: {sentence}", {"ids": sentence})
    _must_compare(searches)
    return JSONResponse(plain(_side_by_side(searches)))


def _must_compare(searches: list[Findings]) -> None:
    """Check that differences mean something.

    Raises:
        Problem: 409, with what is not the same.
    """
    first = searches[0]
    reasons = {other.id: "; ".join(obstacles(first, other)) for other in searches[1:] if obstacles(first, other)}
    if reasons:
        listed = ", ".join(f"{job_id} has {reason}" for job_id, reason in reasons.items())
        raise Problem(409, "do_not_compare", f"do not compare with {first.id}: {listed}", reasons=reasons)


def _side_by_side(searches: list[Findings]) -> dict[str, Any]:
    first = searches[0]
    return {
        "searches": [
            {"id": search.id, "title": search.title, "reward": search.reward, "cautions": cautions(first, search)}
            for search in searches
        ],
        "policies": [_row(name, searches) for name in shared_policies(searches)],
    }


def _row(name: str, searches: list[Findings]) -> dict[str, Any]:
    """One policy: by search its mean and interval, and the difference to the first search where both have it."""
    first = searches[0].policies.get(name)
    results: dict[str, Any] = {}
    for search in searches:
        finding = search.policies.get(name)
        if finding is None:
            continue
        results[search.id] = {**asdict(finding.estimate), "pulls": finding.pulls}
        if first is not None and search is not searches[0]:
            results[search.id]["difference"] = asdict(difference(first.estimate, finding.estimate))
    return {"name": name, "results": results}


def findings(service: ServiceState, viewer: Viewer, job_id: str) -> Findings:
    """What a search has found so far, to be held against others.

    Raises:
        Problem: 404, for no job or a stranger's.
    """
    job = visible_job(service, job_id, viewer)
    return findings_of(job.id, job.title, {**job.request, **job.changes}, live_of(service, job))
