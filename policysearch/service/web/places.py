"""Where jobs run, and who uses it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from policysearch.core.errors import UserError
from policysearch.service.database.viewer import Viewer
from policysearch.service.scheduler.places import PlaceUse
from policysearch.service.web.problem import not_found
from policysearch.service.web.security import Admin, Reader
from policysearch.service.web.state import service_of

router = APIRouter(prefix="/api/v1")


@router.get("/places")
def places(request: Request, viewer: Reader) -> dict[str, Any]:
    """The places with their workers, used and free, and by whom; ids of jobs are one's own only."""
    return {"places": [_place(use, viewer) for use in service_of(request).scheduler.usage()]}


@router.post("/places/{name}/open", status_code=202)
def open_place(request: Request, viewer: Admin, name: str) -> dict[str, str]:
    """Open a place that was closed since its last starts failed."""
    try:
        service_of(request).scheduler.open_place(name)
    except UserError:
        raise not_found("place", name) from None
    return {"name": name}


def _place(use: PlaceUse, viewer: Viewer) -> dict[str, Any]:
    jobs = [
        {"owner": owner, "workers": workers, "id": job_id if viewer.is_admin or owner == viewer.name else None}
        for job_id, owner, workers in use.jobs
    ]
    return {
        "name": use.place.name,
        "slots": use.place.slots,
        "used": use.used,
        "free": use.free,
        "closed": use.closed,
        "jobs": jobs,
    }
