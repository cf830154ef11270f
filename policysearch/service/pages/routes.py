"""The addresses of the pages."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from policysearch.policy.presets import PRESETS
from policysearch.service.comparison import MOST
from policysearch.service.database.viewer import Viewer
from policysearch.service.job import State
from policysearch.service.pages.account import account_page, account_parts
from policysearch.service.pages.compare import compare_page
from policysearch.service.pages.data import data_page, data_parts
from policysearch.service.pages.job.page import job_page, live_parts
from policysearch.service.pages.job.sources import read_view
from policysearch.service.pages.job_list import ListView, list_page, list_parts
from policysearch.service.pages.login import login_page
from policysearch.service.pages.new import new_page
from policysearch.service.pages.shell import Shell
from policysearch.service.pages.static_files import static_file
from policysearch.service.requests import schema
from policysearch.service.web.comparisons import findings
from policysearch.service.web.context import context_of
from policysearch.service.web.data import data_set_json, named_sets
from policysearch.service.web.lookup import visible_job
from policysearch.service.web.problem import not_found
from policysearch.service.web.security import Reader
from policysearch.service.web.state import ServiceState, service_of
from policysearch.service.web.tags import tagged
from policysearch.service.web.usage import usage_of

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_PAGE = 50
"""Jobs on one page of the list."""
_LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "running": "jobs at work at once",
        "queued": "jobs that wait",
        "pulls": "pulls of a search",
        "images": "images of a pull",
        "user_data_bytes": "disk for data sets",
        "user_run_bytes": "disk for jobs",
        "upload_bytes": "one upload",
        "job_seconds": "time of one job",
        "user_streams": "live pages open at once",
    }
)
"""What the account page says of the limits, by their names."""
_STATES: Mapping[str, tuple[State, ...]] = {
    "running": (State.STARTING, State.RUNNING, State.STOPPING, State.CANCELLING),
    "queued": (State.CHECKING, State.QUEUED),
    "done": (State.DONE,),
}


def _shell(request: Request, viewer: Viewer, **more: Any) -> Shell:
    return Shell(str(request.scope.get("root_path") or ""), viewer.name, **more)


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """A stylesheet, the script, the icon."""
    file = static_file(name)
    if file is None:
        raise not_found("file", name)
    return tagged(request, Response(file[0], media_type=file[1]))


@router.get("/login")
def login(request: Request) -> str:
    """Log in."""
    return login_page(Shell(str(request.scope.get("root_path") or "")))


@router.get("/")
def listing(request: Request, viewer: Reader, state: str = "", q: str = "", after: str = "") -> str:
    """The list of jobs."""
    service = service_of(request)
    revision = service.jobs.revision()
    more = {"stream": "api/v1/events", "after": revision, "parts": f"live/jobs?{request.url.query}"}
    return list_page(_shell(request, viewer, **more), _list_view(service, viewer, state, q, after))


@router.get("/live/jobs")
def listing_parts(request: Request, viewer: Reader, state: str = "", q: str = "", after: str = "") -> Response:
    """The parts of the list that change."""
    view = _list_view(service_of(request), viewer, state, q, after)
    return tagged(request, HTMLResponse(list_parts(_shell(request, viewer), view)))


def _list_view(service: ServiceState, viewer: Viewer, state: str, text: str, after: str) -> ListView:
    jobs = service.jobs.page(viewer, states=_STATES.get(state, ()), text=text, after=after, limit=_PAGE + 1)
    places = [
        {"name": use.place.name, "slots": use.place.slots, "used": use.used, "closed": use.closed}
        for use in service.scheduler.usage()
    ]
    waiting = service.scheduler.waiting()
    return ListView(jobs[:_PAGE], waiting, places, state, text, len(jobs) > _PAGE, not after)


First = Annotated[int, Query(alias="from", ge=0, le=1_000_000)]


@router.get("/searches/{job_id}")
def job(request: Request, viewer: Reader, job_id: str, first: First = 0) -> str:
    """The page of one job."""
    service = service_of(request)
    view = read_view(service, visible_job(service, job_id, viewer), viewer, time.time())
    stream = f"api/v1/searches/{job_id}/events"
    parts = f"live/searches/{job_id}?from={first}"
    shell = _shell(request, viewer, stream=stream, after=view.newest.after, parts=parts)
    return job_page(shell, view, first)


@router.get("/live/searches/{job_id}")
def job_parts(request: Request, viewer: Reader, job_id: str, first: First = 0) -> Response:
    """The parts of a job's page that change."""
    service = service_of(request)
    view = read_view(service, visible_job(service, job_id, viewer), viewer, time.time())
    return tagged(request, HTMLResponse(live_parts(_shell(request, viewer), view, first)))


@router.get("/searches/{job_id}/best.png")
def best_picture(request: Request, viewer: Reader, job_id: str) -> Response:
    """The best policy so far on training images."""
    service = service_of(request)
    visible_job(service, job_id, viewer)
    try:
        content = service.folder.job(job_id).best_picture.read_bytes()
    except OSError:
        raise not_found("picture", "best.png") from None
    return tagged(request, Response(content, media_type="image/png"))


@router.get("/compare")
def compare(request: Request, viewer: Reader, ids: Annotated[list[str], Query()] = []) -> str:  # noqa: B006
    """Searches side by side: `?ids=A,B` or `?ids=A&ids=B`."""
    service = service_of(request)
    names = [name for text in ids for name in text.split(",") if name][:MOST]
    return compare_page(_shell(request, viewer, place="compare"), [findings(service, viewer, name) for name in names])


KindOfJob = Literal["search", "calibrate", "evaluate"]


@router.get("/new")
def new(request: Request, viewer: Reader, kind: KindOfJob = "search") -> str:
    """The form; parameters of the address that are settings are filled in."""
    service = service_of(request)
    document = schema(kind, context_of(service, viewer), tuple(service.data_sets.names(viewer)))
    values = {name: text for name, text in request.query_params.items() if name != "kind"}
    return new_page(_shell(request, viewer, place="new"), kind, document, values, _offers(service, viewer, kind))


def _offers(service: ServiceState, viewer: Viewer, kind: str) -> dict[str, list[tuple[str, str]]]:
    """Values of fields that people choose by another name: data sets, places, and results of other jobs."""
    sets = [(str(row["id"]), str(row["name"])) for row in _data_sets(service, viewer) if row["state"] == "ready"]
    places = [(use.place.name, use.place.name) for use in service.scheduler.usage()]
    jobs = service.jobs.page(viewer, states=[State.DONE], limit=_PAGE)
    calibrations = [(job.id, job.title) for job in jobs if job.kind == "calibrate"]
    searches = [(job.id, f"the policy of {job.title}") for job in jobs if job.kind == "search"]
    offers = {"data": sets, "place": [("", "where it can run first"), *places]}
    if kind == "evaluate":
        offers["policy"] = [*searches, *((name, name) for name in PRESETS)]
    return {**offers, "calibrated": [("", "none"), *calibrations]}


def _data_sets(service: ServiceState, viewer: Viewer) -> list[dict[str, Any]]:
    """Rows as `GET /api/v1/data` gives them."""
    return [*named_sets(service), *(data_set_json(row, viewer) for row in service.data_sets.page(viewer))]


@router.get("/data")
def data(request: Request, viewer: Reader) -> str:
    """Data sets."""
    service = service_of(request)
    shell = _shell(request, viewer, place="data", parts="live/data")
    return data_page(shell, _data_sets(service, viewer), service.limits.upload_bytes)


@router.get("/live/data")
def data_list(request: Request, viewer: Reader) -> Response:
    """The data sets, which change while one is checked."""
    return tagged(request, HTMLResponse(data_parts(_shell(request, viewer), _data_sets(service_of(request), viewer))))


@router.get("/account")
def account(request: Request, viewer: Reader) -> str:
    """The user's own page."""
    service = service_of(request)
    tokens = service.accounts.tokens(viewer.name)
    used = usage_of(service, viewer)
    limits = {text: (getattr(service.limits, name), used.get(name)) for name, text in _LIMITS.items()}
    shell = _shell(request, viewer, place="account", parts="live/account")
    return account_page(shell, viewer.role, tokens, limits)


@router.get("/live/account")
def tokens(request: Request, viewer: Reader) -> Response:
    """The user's tokens."""
    return tagged(request, HTMLResponse(account_parts(service_of(request).accounts.tokens(viewer.name))))
