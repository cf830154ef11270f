"""The app: its layers, its groups of endpoints, and how errors are answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from policysearch.core.version import __version__
from policysearch.service.pages import routes as pages
from policysearch.service.pages.answers import answer_to
from policysearch.service.web import (
    actions,
    choices,
    comparisons,
    data,
    files,
    health,
    jobs,
    live,
    metrics,
    new_jobs,
    people,
    places,
    results,
    sessions,
)
from policysearch.service.web.guard import Guard, problem_of
from policysearch.service.web.problem import Problem
from policysearch.service.web.state import ServiceState
from policysearch.service.web.streams import Streams
from policysearch.service.web.throttle import Throttle

_MODULES = (
    *(health, metrics, sessions, people, choices, places, new_jobs, jobs, actions),
    *(results, files, comparisons, live, data, pages),
)
ROUTERS: tuple[APIRouter, ...] = tuple(module.router for module in _MODULES)
"""All groups of endpoints."""

_CODES = {404: "not_found", 405: "wrong_method", 413: "too_large"}


class App(FastAPI):
    """An app whose outermost layer is the guard: what the framework answers by itself passes it too."""

    def build_middleware_stack(self) -> ASGIApp:
        """Put the guard before all layers of the framework."""
        return Guard(super().build_middleware_stack(), self.state.service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer below the path that a proxy shows, whether the proxy strips it or not."""
        scope["root_path"] = self.state.service.options.root_path
        await super().__call__(scope, receive, send)


def create_app(service: ServiceState) -> App:
    """The app over a service.

    Args:
        service: what the endpoints work with.
    """
    app = App(
        title="policysearch",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        max_body_size=service.limits.body_bytes,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={
            Problem: _problem,
            HTTPException: _http_error,
            RequestValidationError: _invalid,
            Exception: _unexpected,
        },
    )
    app.state.service = service
    app.state.streams = Streams(service)
    tries = service.limits.log_tries
    app.state.login_throttle = Throttle(
        tries / 60, tries, f"more than {tries} tries per minute to log in: wait a minute"
    )
    for router in ROUTERS:
        app.include_router(router)
    return app


async def _problem(request: Request, error: Any) -> Response:
    return answer_to(request.scope, error)


async def _http_error(request: Request, error: Any) -> Response:
    """Errors of the framework: no such path, no such method, a body that is too large."""
    code = _CODES.get(error.status_code, f"http_{error.status_code}")
    return answer_to(request.scope, Problem(error.status_code, code, str(error.detail), headers=error.headers))


async def _invalid(request: Request, error: Any) -> Response:
    """Parameters that are not of their type, each with its sentence."""
    fields = {_place(row["loc"]): row["msg"] for row in error.errors()}
    message = "; ".join(f"{name}: {sentence}" for name, sentence in fields.items())
    return answer_to(request.scope, Problem(422, "invalid", message, fields))


def _place(parts: Sequence[str | int]) -> str:
    """The name of a parameter; the first part says whether it is of the path, the query, a header or the body."""
    return ".".join(str(part) for part in parts[1:]) or str(parts[0])


async def _unexpected(request: Request, error: Exception) -> Response:
    return answer_to(request.scope, problem_of(error))
