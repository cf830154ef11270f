"""Files and texts as downloads: with a tag, a part of them, or nothing where the browser has them already."""

from __future__ import annotations

import os
import re
from email.utils import formatdate

from anyio.to_thread import run_sync
from fastapi import Request, Response
from starlette.types import Receive, Scope, Send

from policysearch.service.web.problem import Problem
from policysearch.service.web.tags import has_tag

_PIECE = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The policy of pages that jobs have written: shown, with no script and as if from another site."""


class Download(Response):
    """Sends an open file and closes it.

    Args:
        request: what is answered; its headers say which part is wanted.
        file: a descriptor of a regular file.
        name: what the browser calls it.
        media_type: its type.
        page: whether it is a page that a job has written.

    Raises:
        Problem: 416, the file has no such range of bytes.
    """

    def __init__(self, request: Request, file: int, name: str, media_type: str, *, page: bool = False) -> None:
        self._file = file
        facts = os.fstat(file)
        self._start, self._end = 0, facts.st_size
        tag = f'"{facts.st_mtime_ns:x}-{facts.st_size:x}-{facts.st_ino:x}"'
        headers = {
            "ETag": tag,
            "Last-Modified": formatdate(facts.st_mtime, usegmt=True),
            "Accept-Ranges": "bytes",
            "Cache-Control": "private, no-cache",
            **disposition(name, page=page),
        }
        status = 200
        if has_tag(request.headers.get("if-none-match", ""), tag):
            status, self._end = 304, 0
        elif "range" in request.headers and request.headers.get("if-range", tag) == tag:
            status = self._take_range(request.headers["range"], facts.st_size, headers)
        if status != 304:
            headers["Content-Length"] = str(self._end - self._start)
        super().__init__(None, status, media_type=media_type)
        self.headers.update(headers)
        if request.method == "HEAD":
            self._end = self._start

    def _take_range(self, header: str, size: int, headers: dict[str, str]) -> int:
        """Choose the bytes that are wanted; several ranges at once are answered by the whole, as is allowed."""
        match = _RANGE.fullmatch(header.strip())
        if match is None or match[1] == match[2] == "":
            return 200
        first = int(match[1]) if match[1] else max(0, size - int(match[2]))
        last = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
        if first > last:
            os.close(self._file)
            raise Problem(
                416, "no_such_range", f"the file has {size} bytes", headers={"Content-Range": f"bytes */{size}"}
            )
        self._start, self._end = first, last + 1
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        return 206

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            place = self._start
            while place < self._end:
                data = await run_sync(os.pread, self._file, min(_PIECE, self._end - place), place)
                if not data:  # the file has become shorter: the client sees that bytes are missing
                    break
                await send({"type": "http.response.body", "body": data, "more_body": True})
                place += len(data)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            os.close(self._file)


def disposition(name: str, *, page: bool = False) -> dict[str, str]:
    """Headers of a file: it is saved, not shown; a page may be shown in a frame of this server, and runs nothing."""
    if page:
        return {
            "Content-Disposition": f'inline; filename="{name}"',
            "Content-Security-Policy": f"{SANDBOX}; frame-ancestors 'self'",
            "X-Frame-Options": "SAMEORIGIN",
        }
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def text_download(text: str, name: str, media_type: str) -> Response:
    """A text that is made when it is asked for, as a file."""
    return Response(text, media_type=media_type, headers={"Cache-Control": "private, no-cache", **disposition(name)})
