"""How pages are answered: errors as pages where a person looks, and only what has changed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers
from starlette.types import Scope

from policysearch.service.pages.elements import Html, tag
from policysearch.service.pages.login import problem_page
from policysearch.service.pages.shell import Shell
from policysearch.service.web.problem import Problem

_TITLES: Mapping[int, str] = MappingProxyType(
    {
        401: "Log in first",
        403: "That is not allowed",
        404: "There is no such page",
        429: "Too many requests",
        503: "The service cannot answer now",
    }
)


def answer_to(scope: Scope, problem: Problem) -> Response:
    """A problem as JSON for programs, and as a page where a browser asks for one."""
    if not wants_page(scope):
        return problem.response()
    base = str(scope.get("root_path") or "")
    if problem.status == 401:
        return HTMLResponse(_login_first(base, scope), 401)
    page = problem_page(Shell(base), _TITLES.get(problem.status, "That did not work"), problem.message)
    return HTMLResponse(page, problem.status, problem.headers)


def wants_page(scope: Scope) -> bool:
    """Whether a browser looks: it asks for HTML, and not below the API."""
    base = str(scope.get("root_path") or "")
    accepts = Headers(scope=scope).get("accept", "")
    below_api = str(scope["path"]).removeprefix(base).startswith("/api/")
    return scope["method"] in ("GET", "HEAD") and "text/html" in accepts and not below_api


def _login_first(base: str, scope: Scope) -> str:
    """Leads to the login, and from there back."""
    path = str(scope["path"])
    query = scope.get("query_string", b"").decode("latin-1")
    back = quote((path if path.startswith(f"{base}/") else base + path) + (f"?{query}" if query else ""), safe="")
    target = f"{base}/login?next={back}"
    head = tag("head", tag("meta", charset="utf-8"), tag("title", "Log in"), _refresh(target))
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', tag('a', 'Log in', href=target)), lang='en')}\n"


def _refresh(target: str) -> Html:
    return tag("meta", http_equiv="refresh", content=f"0;url={target}")
