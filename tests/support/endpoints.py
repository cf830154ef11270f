"""Every endpoint of the service, with who may use it: tests of rights walk this table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi.routing import APIRoute

from policysearch.service.web.app import ROUTERS

JOB = "/api/v1/searches/{job_id}"
PUBLIC, READ, RUN, ADMIN = "public", "read", "run", "admin"


@dataclass(frozen=True)
class Endpoint:
    """One method of one path.

    Attributes:
        method: of HTTP.
        path: with names of parameters in braces.
        who: may use it: PUBLIC, READ, RUN or ADMIN.
        body: one that it takes.
        query: one that it takes.
    """

    method: str
    path: str
    who: str
    body: Any = None
    query: str = ""

    def at(self, **names: str) -> str:
        """The path with its parameters filled in."""
        return (self.path + self.query).format(**names)


ENDPOINTS = (
    Endpoint("GET", "/healthz", PUBLIC),
    Endpoint("GET", "/metrics", ADMIN),
    Endpoint("POST", "/api/v1/session", PUBLIC, {"token": "ps_no_token"}),
    Endpoint("DELETE", "/api/v1/session", PUBLIC),
    Endpoint("GET", "/api/v1/me", READ),
    Endpoint("GET", "/api/v1/tokens", READ),
    Endpoint("POST", "/api/v1/tokens", RUN, {"name": "program"}),
    Endpoint("DELETE", "/api/v1/tokens/{token_id}", RUN),
    Endpoint("GET", "/api/v1/users", ADMIN),
    Endpoint("POST", "/api/v1/users", ADMIN, {"name": "carla"}),
    Endpoint("PATCH", "/api/v1/users/{name}", ADMIN, {"disabled": False}),
    Endpoint("GET", "/api/v1/catalogue", READ),
    Endpoint("GET", "/api/v1/schema/{kind}", READ),
    Endpoint("GET", "/api/v1/places", READ),
    Endpoint("POST", "/api/v1/places/{name}/open", ADMIN),
    Endpoint("GET", "/api/v1/data", READ),
    Endpoint("POST", "/api/v1/data", RUN),
    Endpoint("GET", "/api/v1/data/{data_id}", READ),
    Endpoint("PATCH", "/api/v1/data/{data_id}", RUN, {"name": "shirts"}),
    Endpoint("DELETE", "/api/v1/data/{data_id}", RUN),
    Endpoint("GET", "/api/v1/data/{data_id}/sheet.png", READ),
    Endpoint("POST", "/api/v1/searches", RUN, {"trials": 4}),
    Endpoint("POST", "/api/v1/searches/check", RUN, {"trials": 0}),
    Endpoint("POST", "/api/v1/searches/batch", RUN, {"ids": ["0" * 26], "action": "stop"}),
    Endpoint("GET", "/api/v1/searches", READ),
    Endpoint("GET", JOB, READ),
    Endpoint("PATCH", JOB, RUN, {"note": "mine"}),
    Endpoint("DELETE", JOB, RUN),
    Endpoint("POST", f"{JOB}/cancel", RUN),
    Endpoint("POST", f"{JOB}/stop", RUN),
    Endpoint("POST", f"{JOB}/resume", RUN, {"trials": 9}),
    Endpoint("POST", f"{JOB}/move", RUN, {"before": ""}),
    Endpoint("GET", f"{JOB}/pulls", READ),
    Endpoint("GET", f"{JOB}/arms", READ),
    Endpoint("GET", f"{JOB}/curve", READ),
    Endpoint("GET", f"{JOB}/log", READ),
    Endpoint("GET", f"{JOB}/events", READ),
    Endpoint("GET", "/api/v1/events", READ),
    Endpoint("GET", f"{JOB}/files", READ),
    Endpoint("GET", f"{JOB}/files/{{name}}", READ),
    Endpoint("HEAD", f"{JOB}/files/{{name}}", READ),
    Endpoint("GET", f"{JOB}/export", READ, query="?to=timm"),
    Endpoint("GET", f"{JOB}/bundle.zip", READ),
    Endpoint("GET", "/api/v1/compare", READ, query="?ids={job_id},{job_id}"),
    Endpoint("GET", "/static/{name}", PUBLIC),
    Endpoint("GET", "/login", PUBLIC),
    Endpoint("GET", "/", READ),
    Endpoint("GET", "/account", READ),
    Endpoint("GET", "/compare", READ, query="?ids={job_id}"),
    Endpoint("GET", "/searches/{job_id}", READ),
    Endpoint("GET", "/searches/{job_id}/best.png", READ),
    Endpoint("GET", "/new", READ),
    Endpoint("GET", "/data", READ),
    Endpoint("GET", "/live/jobs", READ),
    Endpoint("GET", "/live/data", READ),
    Endpoint("GET", "/live/account", READ),
    Endpoint("GET", "/live/searches/{job_id}", READ),
)
"""Paths of the API and of pages; the API's description and its schema is the framework's own, and needs a token too."""


def routes() -> Iterator[tuple[str, str]]:
    """The methods and paths that the app has."""
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield from ((method, route.path) for method in route.methods)
