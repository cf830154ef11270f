"""Where a request comes from: the server's own name, and pages of other sites."""

from __future__ import annotations

import re

from starlette.datastructures import Headers

from policysearch.service.options import Options
from policysearch.service.web.problem import Problem

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]*)(:[0-9]*)?")
_READS = frozenset({"GET", "HEAD"})
_TYPES = ("application/json", "application/zip", "application/x-npz", "application/vnd.apache.parquet")
"""Types of bodies that no form of another site can send without asking first."""


def check_host(headers: Headers, options: Options) -> None:
    """Refuse names of the server that are not its own (DNS rebinding).

    Raises:
        Problem: 400.
    """
    host = headers.get("host", "")
    match = _HOST.fullmatch(host)
    if match is None or match[1].lower() not in options.host_names:
        raise Problem(
            400,
            "wrong_host",
            f"this server is not called {host[:80]!r}: the operator allows a name by --allowed-host",
        )


def check_origin(method: str, headers: Headers, options: Options, *, cookie: bool) -> None:
    """Refuse what a page of another site makes a browser send.

    A request that a cookie lets in must come from a page of this server. Without a cookie it may come from a program,
    which sends neither `Sec-Fetch-Site` nor `Origin`; where one of them is sent, it must be right.

    Raises:
        Problem: 403 for another origin, 415 for a body of a type that forms can send.
    """
    if method in _READS:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    expected = f"{options.scheme}://{headers.get('host', '')}"
    signs = [site == "same-origin"] * (site is not None) + [origin == expected] * (origin is not None)
    if not all(signs) or (cookie and not signs):
        raise Problem(403, "wrong_origin", "only a page of this server may do that with its cookie")
    _check_type(headers)


def _check_type(headers: Headers) -> None:
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    media_type = headers.get("content-type", "").split(";")[0].strip().lower()
    if has_body and media_type not in _TYPES:
        raise Problem(415, "wrong_type", f"send the body as {_TYPES[0]}, not as {media_type[:80] or 'an unnamed type'}")
