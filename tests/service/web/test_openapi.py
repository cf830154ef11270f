"""The API's own description: whole, true, and with no request in it that the server fails at."""

from __future__ import annotations

import json
import random
import string
from typing import Any

import pytest

from policysearch.service.job import Job, State
from tests.support.endpoints import ENDPOINTS

SEEDS = range(10)
REQUESTS = 20
"""Of each seed."""
ODD = (
    *(None, True, 0, -1, 1e308, 2**70, "", "x", "0" * 26, "\u202e", "\x00", "a" * 5000, [], {}, [[]], {"a": {"b": []}}),
    *("../../etc/passwd", "os:abort", "' OR 1=1 --", "%00", "ÿ", "\ud83d"),
)


def described(web) -> dict[str, Any]:
    return web.client("admin").get("/api/v1/openapi.json").json()


def test_it_describes_every_endpoint_of_the_api(web):
    paths = described(web)["paths"]
    api = {
        (e.method, e.path)
        for e in ENDPOINTS
        if e.path.startswith(("/api", "/healthz", "/metrics")) and e.method != "HEAD"
    }
    assert {(method.upper(), path) for path, row in paths.items() for method in row} == api


def test_every_endpoint_says_what_it_does_and_has_a_name_of_its_own(web):
    rows = [row for methods in described(web)["paths"].values() for row in methods.values()]
    assert all(row["description"] for row in rows)
    assert len({row["operationId"] for row in rows}) == len(rows)


def value(schema: dict[str, Any], document: dict[str, Any], random: random.Random, depth: int = 0) -> Any:
    """A value that fits a schema more often than not."""
    if random.random() < 0.25:
        return random.choice(ODD)
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return value(random.choice(schema[key]), document, random, depth + 1)
    if "enum" in schema or "const" in schema:
        return random.choice(schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "object":
        fields = schema.get("properties") or {"trials": {"type": "integer"}, "data": {"type": "string"}}
        return {name: value(row, document, random, depth + 1) for name, row in fields.items() if random.random() < 0.7}
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return [value(items, document, random, depth + 1) for _ in range(random.randrange(3))] if depth < 5 else []
    if schema.get("type") in ("integer", "number"):
        return random.choice([schema.get("minimum", 0), schema.get("maximum", 100), random.randrange(-5, 3000)])
    if schema.get("type") == "boolean":
        return random.random() < 0.5
    return "".join(random.choices(string.ascii_lowercase + "._-:/=,", k=random.randrange(12)))


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def ascii_only(value: str) -> str:
    """What a header or an address may hold; what else it should say is written in percents."""
    return "".join(letter if " " < letter < "\x7f" and letter not in "%?#/" else "%41" for letter in value) or "x"


def send(client, jobs: list[Job], document: dict[str, Any], random: random.Random):
    """What is answered to a random request."""
    path = random.choice([path for path in document["paths"] if not path.endswith(("/events", "/check"))])
    method = random.choice(list(document["paths"][path]))
    row = document["paths"][path][method]
    job = random.choice(jobs)
    names, query, headers = {}, {}, {}
    for parameter in row.get("parameters", []):
        made = text(value(parameter["schema"], document, random))
        if parameter["in"] == "path":
            of_job = parameter["name"] == "job_id" and random.random() < 0.7
            names[parameter["name"]] = job.id if of_job else ascii_only(made)
        elif parameter["in"] == "query" and random.random() < 0.7:
            query[parameter["name"]] = made.encode(errors="replace").decode()
        elif parameter["in"] == "header" and random.random() < 0.3:
            headers[parameter["name"]] = ascii_only(made)[:200]
    content = row.get("requestBody", {}).get("content", {})
    body = None
    if "application/json" in content:
        body = value(content["application/json"]["schema"], document, random)
        headers["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    return method, path, client.request(method, path.format(**names), params=query, headers=headers, content=data)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_request_makes_the_server_fail(web, seed):
    document, random_numbers, client = described(web), random.Random(seed), web.client("admin")
    jobs = [web.job("anna", state) for state in (State.CHECKING, State.RUNNING, State.DONE)]
    for _ in range(REQUESTS):
        method, path, answer = send(client, jobs, document, random_numbers)
        assert answer.status_code < 500, (method, path, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json", (method, path, answer.text)
            problem = answer.json()
            assert problem["status"] == answer.status_code and problem["code"] and problem["message"]


def test_an_endpoint_that_fails_is_noticed_and_says_nothing_of_it(web, monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(web.service.scheduler, "usage", fail)
    answer = web.client("admin").get("/api/v1/places")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert answer.headers["Content-Security-Policy"]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "GET /api/v1/places failed"
    ]


@pytest.mark.parametrize("path", ["/nowhere", "/api/v1/searches/x", "/metrics"])
@pytest.mark.parametrize("user", ["", "anna"])
def test_every_answer_has_the_headers_that_keep_it_harmless(web, path, user):
    headers = web.client(user).get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert not [name for name in headers if name.lower().startswith("access-control-")]
    assert "server" not in headers


def test_a_body_that_is_too_large_is_not_read(web):
    client = web.client("anna")
    headers = {"Content-Type": "application/json"}
    chunks = (b" " * 100_000 for _ in range(20))
    for content in (b" " * 1_000_001, chunks):
        answer = client.post("/api/v1/searches", content=content, headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/problem+json")
