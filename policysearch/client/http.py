"""Requests to a service, one connection each."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

from policysearch.client.errors import ServiceAway, ServiceFailed, TooMany, error_of
from policysearch.core.errors import UserError

API = "/api/v1"
_TRIES = 3
_LARGEST = 64_000_000
"""Bytes of an answer in JSON."""


@dataclass(frozen=True)
class Transport:
    """How a service is reached.

    Attributes:
        url: of the service, as http://127.0.0.1:8800.
        token: that says who asks; empty where the server wants none.
        timeout: seconds that an answer may take.
    """

    url: str
    token: str = field(default="", repr=False)
    timeout: float = 60.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise UserError(f"a service has an address such as http://127.0.0.1:8800, got {self.url!r}")
        if not self.token.isascii() or not self.token.isprintable():
            raise UserError("a token has no such characters: copy it again")

    @contextmanager
    def answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes | IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Iterator[HTTPResponse]:
        """Send a request; its answer can be read in the block.

        Args:
            method: of HTTP.
            path: below the API's.
            query: values by name; those that are None are left out.
            body: bytes, or an open file that is sent in pieces.
            headers: in addition to the token.
            timeout: seconds; by default those of the transport.

        Raises:
            UserError, RunFailed: a class of `errors`, by what the service said.
        """
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=timeout or self.timeout)
        words = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{parts.path.rstrip('/')}{API}{path}" + (f"?{urlencode(words, doseq=True)}" if words else "")
        authority = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            response = _sent(connection, method, target, body, {"Accept": "*/*", **authority, **(headers or {})})
            if response.status >= 300:
                raise _error(response)
            yield response
        except (OSError, HTTPException) as error:
            raise ServiceAway(f"cannot reach {self.url}: {_reason(error)}") from None
        finally:
            connection.close()

    def json(
        self,
        method: str,
        path: str,
        content: object = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        tries: int = _TRIES,
    ) -> Any:
        """Send JSON, and give what is answered; a request that nothing answers is sent again, some times.

        Requests that change something must carry what makes a second one harmless.

        Args:
            method: of HTTP.
            path: below the API's.
            content: to send; None for no body.
            query: values by name.
            headers: further ones.
            timeout: seconds; by default those of the transport.
            tries: how often at most.

        Raises:
            UserError, RunFailed: a class of `errors`, by what the service said.
        """
        body = None if content is None else json.dumps(content).encode()
        more = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers
        for number in range(tries):
            try:
                with self.answer(method, path, query=query, body=body, headers=more, timeout=timeout) as response:
                    return _content(response)
            except ServiceAway:
                if number == tries - 1:
                    raise
                time.sleep(2**number / 4)
            except TooMany as error:
                if number == tries - 1 or error.seconds > 2:  # more than its share of requests, not of jobs
                    raise
                time.sleep(error.seconds)
        return None


def _sent(
    connection: HTTPConnection, method: str, target: str, body: bytes | IO[bytes] | None, headers: dict[str, str]
) -> HTTPResponse:
    """Send a request. A server that refuses a large body closes the connection before all of it has come."""
    try:
        connection.request(method, target, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        if body is None or connection.sock is None:
            raise
    return connection.getresponse()


def must_be_whole(response: HTTPResponse) -> None:
    """Check that a body has been read to its end: one that was cut off is just shorter.

    Raises:
        ServiceAway: bytes of it are missing.
    """
    if response.length:
        raise ServiceAway(f"the answer was cut off, {response.length:,} bytes before its end")


def _content(response: HTTPResponse) -> Any:
    data = response.read(_LARGEST)
    if len(data) < _LARGEST:
        must_be_whole(response)
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        raise ServiceFailed("what was answered is no JSON: is that the address of a policysearch service?") from None


def _error(response: HTTPResponse) -> Exception:
    try:
        content = json.loads(response.read(_LARGEST))
    except ValueError:
        content = {}
    if response.status < 400:
        return ServiceFailed(f"the server answered {response.status}: is that the address of a policysearch service?")
    return error_of(
        response.status, content if isinstance(content, dict) else {}, response.headers.get("Retry-After", "")
    )


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
