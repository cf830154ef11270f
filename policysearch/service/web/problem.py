"""What the service answers when it cannot do what a request asks for: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


class _Ascii(JSONResponse):
    """JSON whose texts are escaped: a name that a request gave may be no text that UTF-8 can hold."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":")).encode("ascii")


class Problem(Exception):
    """A request that is refused.

    Attributes:
        status: of HTTP, 400 to 599.
        code: what is wrong, for programs: a word or a few, joined by underscores.
        message: what is wrong, for people: one sentence, with what is allowed and what to do.
        fields: sentences by field of the request.
        headers: of the answer, such as `Retry-After`.
        details: further members of the answer, such as the `state` of a job.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})
        self.details = details

    def content(self) -> dict[str, Any]:
        """The members of the answer."""
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "message": self.message,
            "fields": self.fields,
            **self.details,
        }

    def response(self) -> JSONResponse:
        """The answer."""
        return _Ascii(self.content(), self.status, self.headers, media_type=MEDIA_TYPE)


def not_found(kind: str, name: str) -> Problem:
    """The answer for what is not there, and for what is a stranger's: both look the same.

    Args:
        kind: what the name should be a name of, such as "job".
        name: what the request gave.
    """
    return Problem(404, "not_found", f"there is no {kind} {name[:80]!r} that you may see")
