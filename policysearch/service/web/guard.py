"""What stands before every endpoint: the server's name, who asks, from which page and how often; the audit behind."""

from __future__ import annotations

import errno
import logging
from http.cookies import CookieError, SimpleCookie
from typing import Any

from anyio.to_thread import run_sync
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from policysearch.service.database.connection import DatabaseAway
from policysearch.service.database.viewer import ADMIN, Viewer
from policysearch.service.pages.answers import answer_to
from policysearch.service.web.audit import Audit
from policysearch.service.web.headers import add_headers
from policysearch.service.web.origin import check_host, check_origin
from policysearch.service.web.problem import Problem
from policysearch.service.web.security import unauthorized
from policysearch.service.web.sessions import cookie_name
from policysearch.service.web.state import ServiceState
from policysearch.service.web.throttle import Throttle

_PUBLIC = frozenset({"/healthz", "/login", "/api/v1/session"})
_STATIC = "/static/"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_ANYBODY = Viewer(ADMIN, "admin")
_log = logging.getLogger("policysearch.service")


class Guard:
    """The outermost layer of the app: everything that is answered passes it.

    Args:
        app: what is behind.
        service: whose accounts and options count.
    """

    def __init__(self, app: ASGIApp, service: ServiceState) -> None:
        self._app = app
        self._service = service
        self._audit = Audit(service.folder.audit)
        limits = service.limits
        self._throttle = Throttle(
            limits.requests_a_second,
            limits.burst,
            f"more than {limits.requests_a_second:g} requests per second, or {limits.burst} at once, with one token",
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, Answer(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        state: dict[str, Any] = scope.setdefault("state", {})
        try:
            state["viewer"] = await self._admitted(scope)
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            return
        except Exception as error:
            if not isinstance(error, Problem | DatabaseAway):
                _log.error("%s %s failed", scope["method"], path_of(scope), exc_info=error)
            if not answer.started:
                await answer_to(scope, problem_of(error))(scope, receive, answer)
        await self._book(scope, state.get("viewer"), answer.status)

    async def _admitted(self, scope: Scope) -> Viewer | None:
        """Who asks; None where nobody needs to be known.

        Raises:
            Problem: the request goes no further.
        """
        headers = Headers(scope=scope)
        options = self._service.options
        check_host(headers, options)
        path = path_of(scope)
        if path in _PUBLIC or path.startswith(_STATIC):
            check_origin(scope["method"], headers, options, cookie=False)
            return None
        viewer, by_cookie = await self._viewer(headers)
        if viewer is None:
            raise unauthorized()
        check_origin(scope["method"], headers, options, cookie=by_cookie)
        self._throttle.take(viewer.token_id)
        return viewer

    async def _viewer(self, headers: Headers) -> tuple[Viewer | None, bool]:
        """Who shows a valid token or cookie, and whether it was a cookie."""
        accounts, options = self._service.accounts, self._service.options
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if token:
            text = token.strip() if scheme.lower() == "bearer" else ""
            return await run_sync(accounts.viewer_of_token, text), False
        secret = cookie_of(headers, cookie_name(options))
        if secret:
            return await run_sync(accounts.viewer_of_session, secret), True
        return (_ANYBODY if options.no_token else None), False

    async def _book(self, scope: Scope, viewer: Viewer | None, status: int) -> None:
        """Write a write into the audit log. What nobody was let in for is no write, but a try to log in is booked."""
        path = path_of(scope)
        if scope["method"] in _READS or (viewer is None and path != "/api/v1/session"):
            return
        name, token_id = (viewer.name, viewer.token_id) if viewer else ("", "")
        try:
            await run_sync(self._audit.write, name, token_id, address_of(scope), scope["method"], path, status)
        except OSError as error:
            _log.error("cannot write %s: %s", self._service.folder.audit, error.strerror)


class Answer:
    """Sends an answer with the headers that all have; errors in plain text become problems.

    Attributes:
        started: whether anything has been sent.
        status: of HTTP; 0 before it is sent.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._replaced = False
        self.started = False
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            if is_plain_error(message):
                self._replaced = True
                await plain_problem(message["status"]).response()({"type": "http"}, _nothing, self._complete)
                return
            add_headers(message)
        if not self._replaced:
            await self._send(message)

    async def _complete(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            add_headers(message)
        await self._send(message)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def is_plain_error(message: Message) -> bool:
    """Whether the start of an answer is that of an error which the framework says in plain text."""
    return message["status"] >= 400 and Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain")


def plain_problem(status: int) -> Problem:
    """The framework's own errors as problems."""
    sentences = {413: "the body is larger than this server takes", 416: "the file has no such range of bytes"}
    return Problem(status, f"http_{status}", sentences.get(status, "the request cannot be answered"))


def problem_of(error: Exception) -> Problem:
    """What is answered to an error that no endpoint has caught."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, DatabaseAway):
        sentence = "the service's database does not answer: jobs at work go on; try again in a minute"
        return Problem(503, "database_away", sentence, headers={"Retry-After": "5"})
    if isinstance(error, OSError) and error.errno in _FULL:
        return Problem(507, "disk_full", "the server's disk is full: jobs that are kept are safe; tell the operator")
    return Problem(500, "internal_error", "the server failed at this; its log says why")


def path_of(scope: Scope) -> str:
    """The path below the root path, as the router takes it."""
    path, root = str(scope["path"]), scope.get("root_path", "")
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def address_of(scope: Scope) -> str:
    """The address of whoever asks; "local" at a Unix socket."""
    client = scope.get("client")
    return str(client[0]) if client else "local"


def cookie_of(headers: Headers, name: str) -> str:
    """The value of a cookie; empty without it."""
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return str(morsel.value) if morsel else ""
