"""Asking for jobs, listing, changing and ending them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from policysearch.service.job import State
from tests.support.web_client import house, limited

SMALL = {"data": "fashion-small", "trials": 6, "images": 100, "epochs": 2, "confirm": 1, "workers": 1}


@pytest.fixture
def anna(web):
    return web.client("anna")


def test_a_new_job_is_there(anna):
    answer = anna.post("/api/v1/searches", json={**SMALL, "name": "shirts", "labels": ["a"], "note": "first"})
    job = answer.json()
    assert (answer.status_code, job["state"], job["wanted"], job["name"]) == (201, "checking", "run", "shirts")
    assert answer.headers["Location"] == f"/api/v1/searches/{job['id']}"
    stored = anna.get(answer.headers["Location"]).json()
    assert (stored["request"]["trials"], stored["labels"], stored["note"]) == (6, ["a"], "first")
    assert [step["state"] for step in stored["history"]] == ["checking"]


@pytest.mark.parametrize(
    ("kind", "body"), [("search", SMALL), ("calibrate", {}), ("evaluate", {"policy": "flip-crop"})]
)
def test_each_kind_may_stand_in_the_query_or_the_body(anna, kind, body):
    for answer in (
        anna.post(f"/api/v1/searches?kind={kind}", json=body),
        anna.post("/api/v1/searches", json={**body, "kind": kind}),
    ):
        assert (answer.status_code, answer.json()["kind"]) == (201, kind)


def test_all_that_is_wrong_is_said_at_once(anna):
    answer = anna.post("/api/v1/searches", json={"trials": 0, "model": "os:abort", "out": "/etc"})
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"trials", "model", "out"}


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'"text"', b"\xff", b"1e999", b'{"trials": NaN}'])
def test_a_body_that_is_no_table_is_refused(anna, body):
    answer = anna.post("/api/v1/searches", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_twenty_requests_with_one_key_make_one_job(tmp_path):
    with house(tmp_path / "state") as web, ThreadPoolExecutor(20) as pool:
        headers = {"Idempotency-Key": "one"}
        send = lambda _: web.client("anna", **headers).post("/api/v1/searches", json=SMALL)  # noqa: E731
        answers = list(pool.map(send, range(20)))
        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert len(web.client("anna").get("/api/v1/searches").json()["searches"]) == 1


def test_a_key_is_its_owners(web):
    ids = {
        web.client(user).post("/api/v1/searches", json=SMALL, headers={"Idempotency-Key": "k"}).json()["id"]
        for user in ("anna", "ben")
    }
    assert len(ids) == 2


def test_the_queue_has_an_end_and_says_where(tmp_path):
    with house(tmp_path / "state", limited(queued=20)) as web:
        client = web.client("anna")
        answers = [client.post("/api/v1/searches", json=SMALL, headers={"Idempotency-Key": str(n)}) for n in range(21)]
        assert [answer.status_code for answer in answers] == [201] * 20 + [429]
        problem = answers[-1].json()
        assert (problem["code"], problem["limit"]) == ("queue_full", 20)
        assert "20" in problem["message"]
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert client.post("/api/v1/searches", json=SMALL, headers={"Idempotency-Key": "3"}).status_code == 200


def test_who_has_used_up_the_disk_may_ask_for_no_more(tmp_path):
    with house(tmp_path / "state", limited(user_run_bytes=10)) as web:
        web.write(web.job("anna"), "trials.csv", "more than ten bytes")
        answer = web.client("anna").post("/api/v1/searches", json=SMALL)
        assert (answer.status_code, answer.json()["code"]) == (429, "no_room")
        assert web.client("ben").post("/api/v1/searches", json=SMALL).status_code == 201


def test_pages_of_the_list_are_whole_and_newest_first(tmp_path):
    with house(tmp_path / "state") as web:
        ids = [web.job("anna").id for _ in range(7)]
        client, seen, after = web.client("anna"), [], ""
        while after is not None:
            page = client.get(f"/api/v1/searches?limit=3&after={after}").json()
            assert len(page["searches"]) <= 3
            seen += [row["id"] for row in page["searches"]]
            after = page["next"]
        assert seen == ids[::-1]
        assert client.get("/api/v1/searches?after=x").status_code == 422


def test_the_list_is_filtered_and_sent_once(tmp_path):
    with house(tmp_path / "state") as web:
        done, client = web.job("anna", State.DONE), web.client("anna")
        web.job("anna")
        rows = client.get("/api/v1/searches?state=done&state=failed").json()["searches"]
        assert [row["id"] for row in rows] == [done.id]
        first = client.get("/api/v1/searches")
        again = client.get("/api/v1/searches", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        web.service.jobs.describe(done.id, name="shirts")
        changed = client.get("/api/v1/searches", headers={"If-None-Match": first.headers["ETag"]})
        assert changed.status_code == 200


def test_shared_jobs_are_seen_by_all_and_changed_by_their_owner(web):
    job = web.job("anna", State.DONE)
    assert web.client("anna").patch(f"/api/v1/searches/{job.id}", json={"shared": True}).json()["shared"]
    ben = web.client("ben")
    assert ben.get(f"/api/v1/searches/{job.id}").status_code == 200
    assert ben.delete(f"/api/v1/searches/{job.id}").status_code == 404
    assert ben.patch(f"/api/v1/searches/{job.id}", json={"name": "mine"}).status_code == 404
    assert web.client("admin").patch(f"/api/v1/searches/{job.id}", json={"note": "seen"}).status_code == 200


RIGHT = {
    "checking": {"cancel": 202, "stop": 202, "resume": 409, "delete": 409},
    "running": {"cancel": 202, "stop": 202, "resume": 409, "delete": 409},
    "done": {"cancel": 409, "stop": 409, "resume": 409, "delete": 202},
    "stopped": {"cancel": 409, "stop": 409, "resume": 202, "delete": 202},
    "failed": {"cancel": 409, "stop": 409, "resume": 202, "delete": 202},
}
"""What is answered to what in which state; a job that is done resumes with more trials only."""


@pytest.mark.parametrize(("state", "action"), [(state, action) for state, row in RIGHT.items() for action in row])
def test_what_makes_no_sense_is_answered_with_the_state(web, anna, state, action):
    job = web.job("anna", State(state))
    path = f"/api/v1/searches/{job.id}"
    answer = anna.delete(path) if action == "delete" else anna.post(f"{path}/{action}")
    assert answer.status_code == RIGHT[state][action]
    if answer.status_code == 409:
        assert (answer.json()["code"], answer.json()["state"]) == ("wrong_state", state)
        assert state in answer.json()["message"]


def test_the_same_wish_twice_is_granted_twice(web, anna):
    job = web.job("anna", State.RUNNING)
    assert [anna.post(f"/api/v1/searches/{job.id}/cancel").status_code for _ in range(2)] == [202, 202]


def test_a_job_that_is_done_goes_further(web, anna):
    job = web.job("anna", State.DONE)
    answer = anna.post(f"/api/v1/searches/{job.id}/resume", json={"trials": 80})
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert anna.get(f"/api/v1/searches/{job.id}").json()["changes"] == {"trials": 80}
    assert anna.post(f"/api/v1/searches/{job.id}/resume", json={"space": "x"}).json()["fields"].keys() == {"space"}


def test_a_batch_answers_for_each(web, anna):
    at_work, done, strangers = web.job("anna", State.RUNNING), web.job("anna", State.DONE), web.job("ben")
    order = {"ids": [at_work.id, done.id, strangers.id, "x"], "action": "cancel"}
    rows = anna.post("/api/v1/searches/batch", json=order).json()["results"]
    assert [row["status"] for row in rows] == [202, 409, 404, 404]
    assert web.service.jobs.get(strangers.id).intent == "run"


def test_ones_own_queue_is_put_in_order(web, anna):
    first, second = web.job("anna"), web.job("anna")
    assert anna.post(f"/api/v1/searches/{second.id}/move", json={"before": first.id}).status_code == 202
    assert web.service.jobs.get(second.id).order < web.service.jobs.get(first.id).order
    assert anna.post(f"/api/v1/searches/{second.id}/move", json={"before": web.job("ben").id}).status_code == 404
    done = web.job("anna", State.DONE)
    assert anna.post(f"/api/v1/searches/{done.id}/move", json={"before": ""}).status_code == 409
