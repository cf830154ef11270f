"""Files of a job: which there are, each of them, all in a zip, and the policy for other libraries."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from io import RawIOBase
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from policysearch.service.job import Job
from policysearch.service.web.artifacts import ARTIFACTS, SETTINGS, open_artifact, settings_text, sizes
from policysearch.service.web.downloads import Download, disposition, text_download
from policysearch.service.web.exports import exported
from policysearch.service.web.lookup import visible_job
from policysearch.service.web.problem import Problem, not_found
from policysearch.service.web.security import Reader
from policysearch.service.web.state import ServiceState, service_of

router = APIRouter(prefix="/api/v1")

_PIECE = 256 * 1024
_NOT_IN_BUNDLE = frozenset({"events.jsonl"})


@router.get("/searches/{job_id}/files")
def files(request: Request, viewer: Reader, job_id: str) -> dict[str, Any]:
    """The files of a job that are there, with their size in bytes."""
    service = service_of(request)
    job = visible_job(service, job_id, viewer)
    rows = sizes(service.folder, job).items()
    return {"files": [{"name": name, "bytes": size, "type": ARTIFACTS[name].media_type} for name, size in rows]}


@router.get("/searches/{job_id}/files/{name}", response_class=Response)
@router.head("/searches/{job_id}/files/{name}", response_class=Response, include_in_schema=False)
def file(request: Request, viewer: Reader, job_id: str, name: str) -> Response:
    """A file of a job; `Range` and `If-None-Match` are understood."""
    service = service_of(request)
    return download(request, service, visible_job(service, job_id, viewer), name)


def download(request: Request, service: ServiceState, job: Job, name: str) -> Response:
    """A file of a job as an answer.

    Raises:
        Problem: 404 for a name that is not in the table, or a file that is not there; 409 for one that may be read only
            while the job rests.
    """
    artifact = ARTIFACTS.get(name)
    if artifact is None:
        raise not_found("file", name)
    if artifact.at_rest and not job.at_rest:
        raise Problem(409, "at_work", f"{name} can be read when the job rests, and it is {job.state}", state=job.state)
    if name == SETTINGS:
        text = settings_text(service.folder, job)
        if text is None:
            raise not_found("file", name)
        return text_download(text, name, artifact.media_type)
    descriptor = open_artifact(service.folder, job, name)
    if descriptor is None:
        raise not_found("file", name)
    return Download(request, descriptor, name, artifact.media_type, page=artifact.page)


@router.get("/searches/{job_id}/bundle.zip", response_class=Response)
def bundle(request: Request, viewer: Reader, job_id: str) -> Response:
    """All files of a job in a zip, which is made while it is sent."""
    service = service_of(request)
    job = visible_job(service, job_id, viewer)
    pieces = _zipped(service, job)
    return StreamingResponse(pieces, media_type="application/zip", headers=disposition(f"{job.kind}-{job.id}.zip"))


@router.get("/searches/{job_id}/export", response_class=Response)
def export(
    request: Request,
    viewer: Reader,
    job_id: str,
    to: Annotated[Literal["torchvision", "timm", "kornia", "albumentations", "keras", "jax", "dali", "json"], Query()],
    allow_loss: Annotated[bool, Query(description="do without what the library cannot express")] = False,
) -> Response:
    """The policy for another library, as `policysearch export` writes it."""
    service = service_of(request)
    job = visible_job(service, job_id, viewer)
    descriptor = open_artifact(service.folder, job, "policy.json")
    if descriptor is None:
        raise Problem(409, "no_policy", f"there is no policy yet: the job is {job.state}", state=job.state)
    with os.fdopen(descriptor, "rb") as policy:
        name, text = exported(service.folder, policy.read(), to, allow_loss)
    return text_download(text, name, "text/x-python" if name.endswith(".py") else "application/json")


class _Pieces(RawIOBase):
    """Collects what a zip writes, to be taken away piece by piece."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """What has been written since the last time."""
        data, self._parts = b"".join(self._parts), []
        return data


def _zipped(service: ServiceState, job: Job) -> Iterator[bytes]:
    """The files of a job as a zip, piece by piece; a file that vanishes meanwhile is left out."""
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ARTIFACTS:
            if name in _NOT_IN_BUNDLE:
                continue
            if name == SETTINGS:
                text = settings_text(service.folder, job)
                if text is not None:
                    archive.writestr(name, text)
                continue
            descriptor = open_artifact(service.folder, job, name)
            if descriptor is None:
                continue
            with os.fdopen(descriptor, "rb") as source, archive.open(name, "w", force_zip64=True) as target:
                while data := source.read(_PIECE):
                    target.write(data)
                    yield pieces.take()
    yield pieces.take()
