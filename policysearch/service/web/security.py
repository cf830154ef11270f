"""Who may use an endpoint: each declares one of `Reader`, `Runner` and `Admin` as a parameter."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from policysearch.service.database.viewer import Viewer
from policysearch.service.web.problem import Problem


def reader(request: Request) -> Viewer:
    """Whoever has a token or a session that may read.

    Raises:
        Problem: 401 without one, 403 where its scopes lack "read".
    """
    return _with_scope(request, "read")


def runner(request: Request) -> Viewer:
    """Whoever may start, end and change jobs.

    Raises:
        Problem: 401 without a token or session, 403 where its scopes lack "run".
    """
    return _with_scope(request, "run")


def admin(request: Request) -> Viewer:
    """An administrator; what writes needs the scope "run" besides.

    Raises:
        Problem: 401 without a token or session, 403 for others.
    """
    viewer = _with_scope(request, "read" if request.method in ("GET", "HEAD") else "run")
    if viewer.role != "admin":
        raise Problem(403, "admin_only", "only an administrator of this server may do that")
    return viewer


Reader = Annotated[Viewer, Depends(reader)]
Runner = Annotated[Viewer, Depends(runner)]
Admin = Annotated[Viewer, Depends(admin)]


def viewer_of(request: Request) -> Viewer | None:
    """Who sent a request; None on the paths that need no token."""
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    return viewer


def _with_scope(request: Request, scope: str) -> Viewer:
    viewer = viewer_of(request)
    if viewer is None:
        raise unauthorized()
    if scope not in viewer.scopes:
        raise Problem(403, "wrong_scope", f"this token lacks the scope {scope!r}: make one that has it")
    return viewer


def unauthorized() -> Problem:
    """The answer for a request without a token that is valid."""
    return Problem(
        401,
        "no_token",
        "send a valid token as `Authorization: Bearer ps_...`, or log in at /login",
        headers={"WWW-Authenticate": 'Bearer realm="policysearch"'},
    )
