"""Bodies that no program sends: a sentence each, never a failure of the server, and nothing is made."""

from __future__ import annotations

import os
import sys

import pytest

HEADERS = {"Content-Type": "application/json"}
BODIES = {
    "lists without end": b"[" * 100_000,
    "tables without end": b'{"a":' * 50_000,
    "a name that is no text": b'{"\\ud800": 1}',
    "a name of a recipe that is no text": b'{"recipe": {"\\ud800": 3}}',
    "a value that is no text": b'{"reward": "\\ud800"}',
    "a zero byte": b'{"\\u0000": 3, "place": "\\u0000"}',
    "no number": b'{"trials": NaN}',
    "a number of thousands of digits": b'{"trials": ' + b"9" * 5_000 + b"}",
    "no UTF-8": b"\xff\xfe",
    "nothing": b"",
    "a list": b"[1]",
    "a kind that is a table": b'{"kind": {"a": 1}}',
    "a kind that is a list": b'{"kind": ["search"]}',
    "a kind that is code": b'{"kind": "os:abort"}',
    "values that are deep": b'{"data": ' + b"[" * 900 + b"]" * 900 + b', "labels": ' + b"[" * 900 + b"]" * 900 + b"}",
    "code in every field": b'{"model": "os:abort", "reward": "os:system", "strategy": "x.py:f", "operations": "os"}',
    "paths": b'{"data": "../../etc", "space": "/etc/passwd", "out": "/tmp/x", "storage": "sqlite:////tmp/x.db"}',
}


@pytest.mark.parametrize("path", ["/api/v1/searches", "/api/v1/searches/check", "/api/v1/searches?kind=evaluate"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_hostile_body_is_a_problem_and_no_job(web, path, body):
    client, jobs = web.client("anna"), web.service.jobs
    client.get("/api/v1/schema/search")  # what good requests import is not what hostile ones do
    before, modules = len(jobs.page(None, limit=10_000)), set(sys.modules)
    answer = client.post(path, content=body, headers=HEADERS)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["message"] and answer.json()["code"]
    assert len(jobs.page(None, limit=10_000)) == before
    assert set(sys.modules) - modules == set()


@pytest.mark.parametrize("body", [b'{"\\ud800": 1}', b'{"name": "\\ud800"}', b'{"shared": NaN}', b"[" * 50_000])
def test_a_hostile_change_is_a_problem(web, body):
    data_id = web.service.data_sets.add("anna", "shirts", "npz", "0" * 64, 1, 10)[0].id
    job_id = web.job("anna").id
    for path in (f"/api/v1/data/{data_id}", f"/api/v1/searches/{job_id}"):
        answer = web.client("anna").request("PATCH", path, content=body, headers=HEADERS)
        assert answer.status_code in (200, 400, 422), answer.text
        answer.json()


@pytest.mark.parametrize("body", [b'{"\\ud800": 1}', b'{"trials": 1e999}', b'{"trials": "x"}', b"[]", b"[" * 50_000])
def test_a_hostile_resume_is_a_problem(web, body):
    answer = web.client("anna").post(f"/api/v1/searches/{web.job('anna').id}/resume", content=body, headers=HEADERS)
    assert answer.status_code in (400, 422), answer.text


def test_nothing_is_made_by_a_refusal(web):
    folder = web.service.folder
    before = sorted(os.listdir(folder.runs)), sorted(os.listdir(folder.data))
    web.client("anna").post("/api/v1/searches", content=BODIES["paths"], headers=HEADERS)
    assert (sorted(os.listdir(folder.runs)), sorted(os.listdir(folder.data))) == before
