"""A database that is away and a disk that is full: said in a sentence, and over when they are back."""

from __future__ import annotations

import errno
from contextlib import contextmanager

import pytest

from policysearch.service.database.connection import Database, DatabaseAway
from policysearch.service.job import State


@contextmanager
def away(*_: object):
    raise DatabaseAway("the service's database does not answer: connection refused to anna@secret-host")
    yield


@pytest.mark.parametrize("path", ["/api/v1/searches", "/api/v1/me", "/metrics", "/api/v1/events"])
def test_a_database_that_is_away_is_said_and_waited_for(web, monkeypatch, caplog, path):
    with monkeypatch.context() as patch:
        patch.setattr(Database, "reading", away)
        patch.setattr(Database, "writing", away)
        answer = web.client("admin").get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
        assert int(answer.headers["Retry-After"]) > 0
        assert "secret-host" not in answer.text
        assert web.client().get("/healthz").status_code == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert web.client("admin").get("/api/v1/searches").status_code == 200


def test_who_only_looks_is_let_in_where_nothing_can_be_written(web, monkeypatch):
    job = web.job("anna", State.DONE)
    monkeypatch.setattr(Database, "writing", away)
    client = web.client("anna")
    assert client.get(f"/api/v1/searches/{job.id}").status_code == 200
    assert client.post(f"/api/v1/searches/{job.id}/resume").status_code == 503


def test_a_full_disk_is_called_so(web, monkeypatch, caplog):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    job = web.job("anna", State.DONE)
    web.write(job, "policy.json", "{}")
    monkeypatch.setattr("policysearch.service.web.files.exported", full)
    answer = web.client("anna").get(f"/api/v1/searches/{job.id}/export?to=json")
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")


def test_an_audit_that_cannot_be_written_holds_nothing_up(web, monkeypatch, caplog):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("policysearch.service.web.audit.Audit.write", full)
    assert web.client("anna").post("/api/v1/searches", json={"trials": 5}).status_code == 201
    assert "cannot write" in caplog.text
