"""Answers that are sent only where they have changed."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from fastapi import Request, Response
from starlette.responses import JSONResponse


def tagged_json(request: Request, content: Any) -> Response:
    """Content as JSON, as `tagged`."""
    return tagged(request, JSONResponse(content))


def tagged(request: Request, response: Response) -> Response:
    """The answer with a tag of its content (ETag); where the request has that tag already, without the content.

    The browser keeps it, and asks each time whether it has changed.
    """
    tag = f'W/"{sha256(response.body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if has_tag(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return response


def has_tag(header: str, tag: str) -> bool:
    """Whether `If-None-Match` has a tag, weak or strong.

    Example:
        >>> has_tag('"a", W/"b"', '"b"'), has_tag("*", '"b"'), has_tag("", '"b"')
        (True, True, False)
    """
    tags = [part.strip().removeprefix("W/") for part in header.split(",")]
    return "*" in tags or tag.removeprefix("W/") in tags
