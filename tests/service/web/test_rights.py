"""Who may do what: every endpoint against nobody, strangers, tokens that allow less, and pages of other sites."""

from __future__ import annotations

import pytest

from policysearch.service.job import State
from tests.support.endpoints import ADMIN, ENDPOINTS, PUBLIC, RUN, Endpoint, routes

NOBODY = "0" * 26
OTHER_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE")
READS = ("GET", "HEAD")


def names(web, endpoint: Endpoint, owner: str = "anna") -> dict[str, str]:
    """What a path's parameters may be: a job, a data set and a token of somebody."""
    text, service = endpoint.path + endpoint.query, web.service
    some_name = {"/api/v1/users/{name}": "ben", "/static/{name}": "app.js"}.get(endpoint.path, "trials.csv")
    return {
        "job_id": web.job(owner, State.DONE).id if "{job_id}" in text else "",
        "data_id": service.data_sets.add(owner, "shirts", "npz", "0" * 64, 1, 10)[0].id if "{data_id}" in text else "",
        "token_id": service.accounts.add_token(owner)[0].id if "{token_id}" in text else "",
        "name": some_name,
        "kind": "search",
    }


def send(client, endpoint: Endpoint, web, method: str = "", **more):
    """What is answered to a request of an endpoint for something of anna's."""
    return client.request(method or endpoint.method, endpoint.at(**names(web, endpoint)), json=endpoint.body, **more)


def the(*allowed: str) -> list:
    return [
        pytest.param(endpoint, id=f"{endpoint.method} {endpoint.path}")
        for endpoint in ENDPOINTS
        if endpoint.who in (allowed or ("read", "run", "admin"))
    ]


def of_somebody() -> list:
    owned = ("{job_id}", "{data_id}", "{token_id}")
    return [row for row in the() if any(name in row.values[0].path + row.values[0].query for name in owned)]


def test_every_endpoint_is_in_the_table():
    assert sorted(routes()) == sorted((endpoint.method, endpoint.path) for endpoint in ENDPOINTS)


def test_an_endpoint_that_is_missing_is_noticed():
    assert sorted(routes()) != sorted((endpoint.method, endpoint.path) for endpoint in ENDPOINTS[1:])


@pytest.mark.parametrize("endpoint", the())
def test_nobody_gets_in_with_any_method(web, endpoint):
    path = endpoint.at(**names(web, endpoint))
    for method in OTHER_METHODS:
        answer = web.client().request(method, path)
        assert answer.status_code == 401, method
        assert answer.content == b"" if method == "HEAD" else answer.json()["code"] == "no_token"
        assert "Bearer" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api/v1/openapi.json", "/api", "/api/v1/session/", "/healthz/", "//login"]
)
def test_nobody_learns_what_there_is(web, path):
    assert web.client().get(path).status_code == 401


@pytest.mark.parametrize(
    "token",
    ["", "ps", "ps__", "ps_x_y", "ps_{id}_", "ps_{id}_{wrong}", "{secret}", "ps_{id}_{secret}x", "Basic", "%00", "ä"],
)
def test_a_token_that_is_nearly_right_is_wrong(web, token):
    _, token_id, secret = web.tokens["anna"].split("_", 2)
    text = token.format(id=token_id, secret=secret, wrong="A" * len(secret))
    headers = {"Authorization": f"Bearer {text}".encode("latin-1")}
    assert web.client().get("/api/v1/me", headers=headers).status_code == 401
    assert web.client("anna").get("/api/v1/me").status_code == 200


def test_a_token_in_the_query_is_none(web):
    assert web.client().get(f"/api/v1/me?token={web.tokens['anna']}").status_code == 401


@pytest.mark.parametrize("endpoint", of_somebody())
def test_a_stranger_sees_nothing(web, endpoint):
    answer = send(web.client("ben"), endpoint, web)
    assert answer.status_code == 404
    if endpoint.method != "HEAD":
        nobodys = web.client("ben").request(
            endpoint.method,
            endpoint.at(**names(web, endpoint) | {"job_id": NOBODY, "data_id": NOBODY, "token_id": NOBODY}),
            json=endpoint.body,
        )
        assert nobodys.status_code == 404
        assert answer.headers["Content-Type"] == nobodys.headers["Content-Type"]


@pytest.mark.parametrize("endpoint", [row for row in of_somebody() if not row.id.endswith("/events")])
def test_the_owner_is_no_stranger(web, endpoint):
    values = names(web, endpoint)
    if values["job_id"]:
        folder = web.service.folder.job(values["job_id"])
        for path in (folder.run / "trials.csv", folder.best_picture):
            path.write_text("something")
    answer = web.client("anna").request(endpoint.method, endpoint.at(**values), json=endpoint.body)
    assert answer.status_code != 404 or "sheet.png" in endpoint.path  # which only data that were checked have


@pytest.mark.parametrize("endpoint", the(RUN, ADMIN))
def test_a_token_that_reads_starts_and_changes_nothing(web, endpoint):
    if endpoint.method in READS:
        return
    token, text = web.service.accounts.add_token("admin", "reads", ["read"])
    answer = send(web.client(Authorization=f"Bearer {text}"), endpoint, web)
    web.service.accounts.delete_token("admin", token.id)
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_scope")


@pytest.mark.parametrize("endpoint", the(ADMIN))
def test_a_user_is_no_administrator(web, endpoint):
    answer = send(web.client("anna"), endpoint, web)
    assert (answer.status_code, answer.json()["code"]) == (403, "admin_only")
    assert send(web.client("admin"), endpoint, web).status_code != 403


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "[::1", "a@localhost"]
)
def test_the_server_answers_to_its_own_name_only(web, host):
    for endpoint in ENDPOINTS:
        for method in {endpoint.method, "DELETE", "OPTIONS"}:
            answer = web.client("admin", Host=host).request(method, endpoint.path)
            assert answer.status_code == 400, (method, endpoint.path)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8800", "127.0.0.1:1", "[::1]:8800"])
def test_names_of_this_machine_are_its_own(web, host):
    assert web.client("admin", Host=host).get("/api/v1/me").status_code == 200


FOREIGN = (
    {},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:9999"},
    {"Origin": "https://localhost:8800"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost:8800", "Sec-Fetch-Site": "cross-site"},
)


@pytest.mark.parametrize("endpoint", [row for row in the() if row.values[0].method not in READS])
def test_a_page_of_another_site_changes_nothing_with_the_cookie(web, endpoint):
    path = endpoint.at(**names(web, endpoint))
    for headers in FOREIGN:
        answer = web.browser("admin").request(endpoint.method, path, json=endpoint.body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "wrong_origin"), headers


@pytest.mark.parametrize("headers", [{"Origin": "http://localhost:8800"}, {"Sec-Fetch-Site": "same-origin"}])
def test_a_page_of_this_server_may(web, headers):
    answer = web.browser("admin").post("/api/v1/users", json={"name": f"carla-{len(headers)}"}, headers=headers)
    assert answer.status_code != 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_of_another_site_cannot_send_what_is_taken(web, kind):
    headers = {"Origin": "http://localhost:8800", "Content-Type": kind}
    answer = web.browser("admin").post("/api/v1/users", content='{"name": "dora"}', headers=headers)
    assert answer.status_code == 415
    assert "dora" not in {user.name for user in web.service.accounts.users()}


def test_public_paths_are_the_ones_meant():
    public = {endpoint.path for endpoint in ENDPOINTS if endpoint.who == PUBLIC}
    assert public == {"/healthz", "/login", "/static/{name}", "/api/v1/session"}


def test_a_path_that_is_let_through_by_mistake_is_noticed(web, monkeypatch):
    monkeypatch.setattr("policysearch.service.web.guard._PUBLIC", frozenset({"/api/v1/nowhere"}))
    assert web.client().get("/api/v1/nowhere").status_code == 404
