"""Logging a browser in and out: a token is given once, and a cookie is used from then on."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from policysearch.service.options import Options
from policysearch.service.web.problem import Problem
from policysearch.service.web.state import service_of

router = APIRouter(prefix="/api/v1")


class Login(BaseModel):
    """What a browser sends to log in."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=200, description="as `ps_...`")


def cookie_name(options: Options) -> str:
    """The name of the cookie: browsers do not tell ports apart, so that the name does."""
    prefix = "__Host-" if options.behind_tls and not options.root_path else ""
    return f"{prefix}policysearch_{options.port}"


def _cookie_settings(options: Options) -> dict[str, Any]:
    """Where the cookie is sent: to this server alone, and not from pages of others."""
    path = options.root_path or "/"
    return {"path": path, "secure": options.behind_tls, "httponly": True, "samesite": "strict"}


@router.post("/session", status_code=204)
def open_session(request: Request, login: Login) -> Response:
    """Log in: sets the cookie for twelve hours, or as the operator says."""
    service = service_of(request)
    request.app.state.login_throttle.take(request.client.host if request.client else "local")
    seconds = service.limits.session_seconds
    session = service.accounts.open_session(login.token, seconds)
    if session is None:
        raise Problem(401, "wrong_token", "that token is wrong, has expired, or its user has been disabled")
    request.state.viewer = session[1]
    response = Response(status_code=204)
    response.set_cookie(
        cookie_name(service.options),
        session[0],
        max_age=int(seconds),
        **_cookie_settings(service.options),
    )
    return response


@router.delete("/session", status_code=204)
def close_session(request: Request) -> Response:
    """Log out: the cookie is worth nothing any more."""
    service = service_of(request)
    name = cookie_name(service.options)
    secret = request.cookies.get(name)
    if secret:
        service.accounts.close_session(secret)
    response = Response(status_code=204)
    response.delete_cookie(name, **_cookie_settings(service.options))
    return response
