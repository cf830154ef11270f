"""Data sets: uploads, those that ship, and those that the operator names."""

from __future__ import annotations

import errno
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from policysearch.core.errors import UserError
from policysearch.core.readable import readable_name
from policysearch.datasets.registry import SHIPPED
from policysearch.service.data_set import DataSet, DataState
from policysearch.service.database.data_sets import NoRoom, NoSuchDataSet
from policysearch.service.database.viewer import Viewer
from policysearch.service.ids import is_id, new_id
from policysearch.service.uploads.checks import SHEET, UploadChecks
from policysearch.service.uploads.formats import format_of
from policysearch.service.uploads.receive import TooLarge, TooSlow, receive, too_large
from policysearch.service.uploads.removal import delete_data_set, jobs_that_want
from policysearch.service.web.problem import Problem, not_found
from policysearch.service.web.security import Reader, Runner
from policysearch.service.web.state import ServiceState, service_of

router = APIRouter(prefix="/api/v1/data", tags=["data"])

_NO_LIMIT = 2**62
"""Of the framework: the operator's limit is looked at as the bytes come."""
_LONGEST_NAME = 200
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Name = Annotated[str, Query(max_length=_LONGEST_NAME, description="what the data set is called")]


@router.post(
    "", status_code=202, max_body_size=_NO_LIMIT, openapi_extra={"requestBody": {"required": True, "content": {}}}
)
async def upload(request: Request, response: Response, viewer: Runner, name: Name = "") -> dict[str, Any]:
    """Take a zip of class folders, an .npz or a Parquet file as the raw body; its check begins at once."""
    service = service_of(request)
    format_name = _format(request)
    _checks(service)
    await run_in_threadpool(_must_have_room, service, viewer, request.headers.get("content-length", ""))
    data_set, new = await _received(request, service, viewer, readable_name(name.strip()) or "data", format_name)
    if new:
        _checks(service).poke()
    response.headers["Location"] = str(request.url_for("data_set", data_id=data_set.id))
    return data_set_json(data_set, viewer)


@router.get("")
def data_sets(
    request: Request, viewer: Reader, after: str = "", limit: Annotated[int, Query(ge=1, le=200)] = 200
) -> dict[str, Any]:
    """All data sets that a search may name: those that ship, the operator's, and uploads, newest first."""
    service = service_of(request)
    named = [] if after else named_sets(service)
    uploads = [data_set_json(row, viewer) for row in service.data_sets.page(viewer, after, limit)]
    return {"data": [*named, *uploads], "next": uploads[-1]["id"] if len(uploads) == limit else None}


def named_sets(service: ServiceState) -> list[dict[str, Any]]:
    """Data sets that have names of their own: those that ship, and the operator's."""
    return [*_named(SHIPPED, "shipped"), *_named(service.data_sets.operator, "operator")]


@router.get("/{data_id}")
def data_set(request: Request, viewer: Reader, data_id: str) -> dict[str, Any]:
    """One upload."""
    return data_set_json(_visible(service_of(request), data_id, viewer), viewer)


@router.patch("/{data_id}")
def describe(
    request: Request, viewer: Runner, data_id: str, changes: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    """Change what an upload is called, or whether all users may use it."""
    service = service_of(request)
    row = _changeable(service, data_id, viewer)
    return data_set_json(service.data_sets.update(row.id, **_changes(changes)), viewer)


@router.delete("/{data_id}", status_code=204)
def delete(request: Request, viewer: Runner, data_id: str) -> None:
    """Delete an upload that no job wants."""
    service = service_of(request)
    row = _changeable(service, data_id, viewer)
    jobs = jobs_that_want(row.id, service.jobs)
    if jobs:
        message = f"{len(jobs)} jobs that wait or are at work want it, such as {jobs[0]}: cancel them first"
        raise Problem(409, "in_use", message, state=row.state, jobs=jobs[:20])
    delete_data_set(row.id, service.data_sets, service.folder)


@router.get("/{data_id}/sheet.png")
def sheet(request: Request, viewer: Reader, data_id: str) -> FileResponse:
    """A picture of samples, a row for each class."""
    service = service_of(request)
    row = _visible(service, data_id, viewer)
    if row.state != DataState.READY:
        raise not_found("sheet of data set", data_id)
    return FileResponse(service.folder.data_set(row.id) / SHEET, media_type="image/png")


def data_set_json(data_set: DataSet, viewer: Viewer) -> dict[str, Any]:
    """An upload as the API shows it."""
    names = ("id", "name", "owner", "format", "size", "digest", "created", "changed", "shared", "state", "reason")
    shown = {name: getattr(data_set, name) for name in names}
    summary = {name: value for name, value in data_set.summary.items() if name != "file"}
    mine = viewer.is_admin or viewer.name == data_set.owner
    return {**shown, "kind": "upload", "summary": summary, "mine": mine}


def _named(names: Any, kind: str) -> list[dict[str, Any]]:
    return [{"id": name, "name": name, "kind": kind, "state": DataState.READY, "mine": False} for name in names]


def _checks(service: ServiceState) -> UploadChecks:
    if service.upload_checks is None:
        raise Problem(503, "no_uploads", "this server takes no uploads")
    return service.upload_checks


def _format(request: Request) -> str:
    try:
        return format_of(request.headers.get("content-type", ""))
    except UserError as error:
        raise Problem(415, "wrong_type", str(error)) from None


def _must_have_room(service: ServiceState, viewer: Viewer, content_length: str) -> None:
    """Refuse before anything is read what is too large by what it says."""
    size = int(content_length) if content_length.isdecimal() and len(content_length) < 19 else 0
    most = service.limits.upload_bytes
    if size > most:
        raise Problem(413, "too_large", str(too_large(most)))
    try:
        service.data_sets.must_have_room(viewer.name, size, service.limits.user_data_bytes)
    except NoRoom as error:
        raise Problem(413, "no_room", str(error)) from None


async def _received(
    request: Request, service: ServiceState, viewer: Viewer, name: str, format_name: str
) -> tuple[DataSet, bool]:
    """Stream the body to the disk, and enter it."""
    data_id = new_id()
    part = service.folder.incoming / f"{data_id}.part"
    try:
        came = await receive(request.stream(), part, service.limits.upload_bytes)
        return await run_in_threadpool(
            _entered, service, viewer, DataSet(data_id, viewer.name, name, format_name, came.digest, came.size, 0, 0)
        )
    except TooLarge as error:
        raise Problem(413, "too_large", str(error)) from None
    except TooSlow as error:
        raise Problem(408, "too_slow", str(error)) from None
    except NoRoom as error:
        raise Problem(413, "no_room", str(error)) from None
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise Problem(507, "disk_full", "the server's disk is full: nothing was kept; try again later") from None
    finally:
        part.unlink(missing_ok=True)


def _entered(service: ServiceState, viewer: Viewer, came: DataSet) -> tuple[DataSet, bool]:
    """Move what came to where it is checked, then enter it: a folder without a row is removed at the next start."""
    folder = service.folder.data_set(came.id)
    folder.mkdir(mode=0o700)
    upload_file = _checks(service).upload_of(came.id)
    (service.folder.incoming / f"{came.id}.part").rename(upload_file)
    new = False
    try:
        row, new = service.data_sets.add(
            came.owner, came.name, came.format, came.digest, came.size, service.limits.user_data_bytes, came.id
        )
    finally:
        if not new:
            upload_file.unlink(missing_ok=True)
            folder.rmdir()
    return row, new


def _visible(service: ServiceState, data_id: str, viewer: Viewer, *, to_change: bool = False) -> DataSet:
    if not is_id(data_id):
        raise not_found("data set", data_id)
    try:
        row: DataSet = service.data_sets.get(data_id, viewer, to_change=to_change)
    except NoSuchDataSet:
        raise not_found("data set", data_id) from None
    return row


def _changeable(service: ServiceState, data_id: str, viewer: Viewer) -> DataSet:
    return _visible(service, data_id, viewer, to_change=True)


def _changes(changes: dict[str, Any]) -> dict[str, Any]:
    """The columns that a request changes.

    Raises:
        Problem: 422, a field is unknown or of another type.
    """
    fields = {
        name[:80]: f"unknown key {name[:80]!r}: known: name, shared"
        for name in changes
        if name not in ("name", "shared")
    }
    if not isinstance(changes.get("shared", False), bool):
        fields["shared"] = "must be true or false"
    name = changes.get("name", "data")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        fields["name"] = f"must be a text of 1 to {_LONGEST_NAME} characters"
    if fields:
        raise Problem(422, "invalid", "; ".join(f"{field}: {text}" for field, text in fields.items()), fields)
    return {**changes, **({"name": readable_name(changes["name"].strip())} if "name" in changes else {})}
