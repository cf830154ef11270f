"""Logging in and out, tokens that end, limits of tries and requests, and what is left of secrets."""

from __future__ import annotations

import json
import logging

import pytest

from policysearch.core.errors import UserError
from policysearch.service.database.accounts import Accounts
from policysearch.service.limits import Limits
from policysearch.service.web.problem import Problem
from policysearch.service.web.throttle import Throttle
from tests.support.web_client import house

LOGIN = "/api/v1/session"
OWN_PAGE = {"Origin": "http://localhost:8800"}


class Clock:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_browser_logs_in_and_out(web):
    browser = web.client(**OWN_PAGE)
    answer = browser.post(LOGIN, json={"token": web.tokens["anna"]})
    assert answer.status_code == 204
    cookie = answer.headers["Set-Cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/", "max-age=43200"))
    assert "secure" not in cookie and web.tokens["anna"].lower() not in cookie
    assert browser.get("/api/v1/me").json()["name"] == "anna"
    stolen = browser.cookies["policysearch_8800"]
    assert browser.delete(LOGIN).status_code == 204
    browser.cookies.set("policysearch_8800", stolen)
    assert browser.get("/api/v1/me").status_code == 401


def test_behind_tls_the_cookie_is_for_tls_alone(tmp_path):
    with house(tmp_path / "state", behind_tls=True) as web:
        answer = web.client(Origin="https://localhost:8800").post(LOGIN, json={"token": web.tokens["anna"]})
        assert answer.headers["Set-Cookie"].startswith("__Host-policysearch_8800=")
        assert "secure" in answer.headers["Set-Cookie"].lower()
        assert web.client(**OWN_PAGE).post(LOGIN, json={"token": web.tokens["anna"]}).status_code == 403


def test_below_a_path_of_a_proxy_everything_is_below_it(tmp_path):
    with house(tmp_path / "state", root_path="/ps") as web:
        client = web.client("anna")
        assert [client.get(path).status_code for path in ("/ps/api/v1/me", "/api/v1/me")] == [200, 200]
        assert [web.client().get(path).status_code for path in ("/ps/healthz", "/ps/api/v1/me", "/ps/ps/login")] == [
            200,
            401,
            401,
        ]
        answer = web.client(**OWN_PAGE).post(f"/ps{LOGIN}", json={"token": web.tokens["anna"]})
        assert "path=/ps" in answer.headers["Set-Cookie"].lower()


@pytest.mark.parametrize("body", [{}, {"token": 1}, {"token": "x" * 300}, {"token": "ps_a_b", "more": 1}, [], "ps"])
def test_what_is_no_login_is_refused(web, body):
    assert web.client().post(LOGIN, json=body).status_code == 422


def test_the_eleventh_wrong_token_in_a_minute_is_not_looked_at(tmp_path):
    with house(tmp_path / "state", Limits()) as web:
        wrong = [web.client().post(LOGIN, json={"token": "ps_a_b"}).status_code for _ in range(11)]
        assert wrong == [401] * 10 + [429]
        right = web.client().post(LOGIN, json={"token": web.tokens["anna"]})
        assert (right.status_code, int(right.headers["Retry-After"])) == (429, pytest.approx(6, abs=1))
        assert web.client("anna").get("/api/v1/me").status_code == 200


def test_a_token_has_bursts_of_sixty_and_others_are_not_held_up(tmp_path):
    with house(tmp_path / "state", Limits(requests_a_second=0.001)) as web:
        client = web.client("anna")
        assert [client.get("/api/v1/places").status_code for _ in range(61)] == [200] * 60 + [429]
        assert web.client("ben").get("/api/v1/places").status_code == 200


def test_a_throttle_lets_as_many_through_as_it_says():
    clock = Clock()
    throttle = Throttle(20, 60, "too many", clock)
    passed = 0
    for _ in range(10_000):
        clock.now += 0.001
        try:
            throttle.take("anna")
            passed += 1
        except Problem as problem:
            assert (problem.status, problem.headers["Retry-After"]) == (429, "1")
    assert passed == pytest.approx(60 + 20 * 10, abs=1)


def test_a_throttle_forgets_those_who_wait():
    throttle = Throttle(1, 1, "too many", clock := Clock())
    for number in range(30_000):
        clock.now += 1
        throttle.take(str(number))
    assert len(throttle._buckets) < 20_000


@pytest.fixture
def timed(tmp_path):
    """Accounts at a time that the test sets."""
    with house(tmp_path / "state") as web:
        clock = Clock()
        accounts = Accounts(web.database, clock)
        accounts.add_user("dora")
        yield accounts, clock


def test_tokens_and_sessions_end(timed):
    accounts, clock = timed
    token, text = accounts.add_token("dora", "for a minute", ["read"], 60)
    secret, viewer = accounts.open_session(text, 600)
    assert (viewer.name, viewer.scopes, viewer.token_id) == ("dora", {"read"}, token.id)
    clock.now += 59
    assert accounts.viewer_of_token(text) and accounts.viewer_of_session(secret)
    clock.now += 2
    assert accounts.viewer_of_token(text) is None
    assert accounts.viewer_of_session(secret) is None
    assert accounts.tokens("dora") == []
    assert accounts.open_session(text, 600) is None


def test_a_session_ends_before_its_token(timed):
    accounts, clock = timed
    _, text = accounts.add_token("dora")
    secret, _ = accounts.open_session(text, 10)
    clock.now += 11
    assert accounts.viewer_of_session(secret) is None
    assert accounts.viewer_of_token(text).name == "dora"


@pytest.mark.parametrize("end", ["delete the token", "disable the user"])
def test_what_lets_nobody_in_any_more_ends_sessions_too(timed, end):
    accounts, _ = timed
    token, text = accounts.add_token("dora")
    secret, _ = accounts.open_session(text, 600)
    if end == "delete the token":
        accounts.delete_token("dora", token.id)
    else:
        accounts.change_user("dora", disabled=True)
    assert accounts.viewer_of_token(text) is None
    assert accounts.viewer_of_session(secret) is None


def test_one_administrator_remains(timed):
    accounts, _ = timed
    for change in ({"role": "user"}, {"disabled": True}):
        with pytest.raises(UserError, match="one administrator must remain"):
            accounts.change_user("admin", **change)
    accounts.change_user("dora", role="admin")
    assert accounts.change_user("admin", role="user").role == "user"


@pytest.mark.parametrize("name", ["", "Anna", "a b", "-a", "a" * 65, "a/b", "a\nb", "ä", "admin\u202e"])
def test_a_name_that_is_none_is_refused(timed, name):
    with pytest.raises(UserError, match="a user's name"):
        timed[0].add_user(name)


def test_secrets_are_stored_nowhere(tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with house(tmp_path / "state") as web:
        client, browser = web.client("anna"), web.client(**OWN_PAGE)
        browser.post(LOGIN, json={"token": web.tokens["anna"]})
        made = client.post("/api/v1/tokens", json={"name": "program", "days": 1}).json()["token"]
        web.client("admin").post("/api/v1/users", json={"name": "carla"})
        client.get(f"/api/v1/me?token={made}")
        client.delete("/api/v1/tokens/nothing")
        client.post("/api/v1/searches", json={"trials": 5, "note": "a body"})
        browser.cookies.set("policysearch_8800", cookie := browser.cookies["policysearch_8800"])
        secrets = [*web.tokens.values(), made, cookie, *(text.split("_", 2)[2] for text in web.tokens.values())]
    written = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    logged = [row.getMessage() for row in caplog.records if not row.name.startswith("httpx")]  # the client's own
    printed = "".join([*logged, *capfd.readouterr()])
    assert b"program" in written and b"anna" in written
    for secret in secrets:
        assert secret.encode() not in written
        assert secret not in printed


def test_each_write_has_its_line(tmp_path):
    with house(tmp_path / "state") as web:
        client = web.client("anna")
        client.get("/api/v1/me")
        job = client.post("/api/v1/searches?kind=search", json={"trials": 5, "note": "a body"}).json()["id"]
        client.post(f"/api/v1/searches/{job}/stop")
        web.client("ben").delete(f"/api/v1/searches/{job}")
        web.client().post("/api/v1/searches", json={})
        web.client().post(LOGIN, json={"token": "ps_a_b"})
        text = web.service.folder.audit.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["user"], line["method"], line["path"], line["status"]) for line in lines] == [
        ("anna", "POST", "/api/v1/searches", 201),
        ("anna", "POST", f"/api/v1/searches/{job}/stop", 202),
        ("ben", "DELETE", f"/api/v1/searches/{job}", 404),
        ("", "POST", LOGIN, 401),
    ]
    assert lines[0]["token"] == web.tokens["anna"].split("_")[1]
    assert "a body" not in text
    assert (tmp_path / "state" / "audit.jsonl").stat().st_mode & 0o777 == 0o600
