"""Endpoints of data sets: uploads as a program sends them."""

from __future__ import annotations

import os

import pytest

from policysearch.datasets.registry import SHIPPED
from policysearch.service.data_set import DataState
from policysearch.service.job import State
from policysearch.service.requests import Refused, RequestContext, validated
from tests.support.upload_files import images, npz, table, zipped
from tests.support.web_client import house, limited

ZIP = "application/zip"


@pytest.fixture
def built(tmp_path):
    (tmp_path / "birds").mkdir()
    limits = limited(upload_bytes=20_000, user_data_bytes=50_000)
    with house(tmp_path / "state", limits, data={"birds": str(tmp_path / "birds")}) as built:
        yield built


def post(client, data, kind=ZIP, name="birds", **headers):
    return client.post("/api/v1/data", params={"name": name}, content=data, headers={"Content-Type": kind, **headers})


def left(built):
    folder = built.service.folder
    return os.listdir(folder.incoming) + os.listdir(folder.data)


def checked(built, answer):
    """The id of an upload after its check, in a process as on a server."""
    assert answer.status_code == 202, answer.text
    built.service.upload_checks.check_next()
    return answer.json()["id"]


def ready(built, answer):
    """The id of an upload that is ready, without a process that checks it."""
    assert answer.status_code == 202, answer.text
    data_id = answer.json()["id"]
    built.service.data_sets.update(data_id, state=DataState.READY, summary={"file": "images"})
    return data_id


def test_an_upload_is_taken_checked_and_used(built):
    anna = built.client("anna")
    answer = post(anna, zipped(images()), name="my birds")
    content = answer.json()
    assert content["state"] == "checking" and content["name"] == "my birds" and content["mine"]
    assert answer.headers["location"].endswith(f"/api/v1/data/{content['id']}")
    service = built.service
    viewer = service.accounts.viewer_of_token(built.tokens["anna"])
    context = RequestContext(viewer, data=service.data_sets)
    with pytest.raises(Refused, match="being checked"):
        validated("search", {"data": content["id"]}, context)

    data_id = checked(built, answer)
    row = anna.get(f"/api/v1/data/{data_id}").json()
    assert row["state"] == "ready" and row["summary"]["classes"] == ["cat", "dog"] and "file" not in row["summary"]
    assert str(service.folder.path) not in str(row)
    sheet = anna.get(f"/api/v1/data/{data_id}/sheet.png")
    assert sheet.headers["content-type"] == "image/png" and sheet.content.startswith(b"\x89PNG")
    validated("search", {"data": data_id}, context)


@pytest.mark.parametrize(
    ("data", "kind"), [(table(), "application/vnd.apache.parquet"), (npz(a=[1]), "application/x-npz"), (b"PK", ZIP)]
)
def test_all_formats_are_taken(built, data, kind):
    assert post(built.client("anna"), data[:20_000], kind).json()["format"] in ("parquet", "npz", "zip")


def test_the_list_has_what_ships_what_the_operator_names_and_uploads(built):
    anna, ben = built.client("anna"), built.client("ben")
    data_id = ready(built, post(anna, zipped(images())))
    assert [row["id"] for row in anna.get("/api/v1/data").json()["data"]] == [*SHIPPED, "birds", data_id]
    assert [row["kind"] for row in ben.get("/api/v1/data").json()["data"]] == ["shipped"] * len(SHIPPED) + ["operator"]
    assert "state/" not in anna.get("/api/v1/data").text
    page = anna.get("/api/v1/data", params={"limit": 1}).json()
    assert page["next"] == data_id and anna.get("/api/v1/data", params={"after": data_id}).json()["data"] == []


def test_a_strangers_data_set_is_not_there(built):
    anna, ben = built.client("anna"), built.client("ben")
    data_id = ready(built, post(anna, zipped(images())))
    for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("GET", "/sheet.png")):
        json = {"name": "x"} if method == "PATCH" else None
        assert ben.request(method, f"/api/v1/data/{data_id}{path}", json=json).status_code == 404
    viewer = built.service.accounts.viewer_of_token(built.tokens["ben"])
    with pytest.raises(Refused, match="unknown data set"):
        validated("search", {"data": data_id}, RequestContext(viewer, data=built.service.data_sets))

    assert anna.patch(f"/api/v1/data/{data_id}", json={"shared": True, "name": "all birds"}).json()["shared"]
    assert ben.get(f"/api/v1/data/{data_id}").json()["name"] == "all birds"
    assert ben.delete(f"/api/v1/data/{data_id}").status_code == 404
    assert ben.get(f"/api/v1/data/{data_id}").json()["mine"] is False


@pytest.mark.parametrize(
    "changes", [{"name": ""}, {"name": 3}, {"shared": "yes"}, {"owner": "ben"}, {"state": "ready"}]
)
def test_only_name_and_sharing_can_be_changed(built, changes):
    anna = built.client("anna")
    data_id = ready(built, post(anna, zipped(images())))
    answer = anna.patch(f"/api/v1/data/{data_id}", json=changes)
    assert answer.status_code == 422 and list(answer.json()["fields"]) == list(changes)


def test_the_same_file_twice_is_one_data_set(built):
    anna, ben = built.client("anna"), built.client("ben")
    first = post(anna, zipped(images())).json()["id"]
    assert post(anna, zipped(images()), name="again").json()["id"] == first
    assert post(ben, zipped(images())).json()["id"] != first
    assert len(os.listdir(built.service.folder.data)) == 2 and os.listdir(built.service.folder.incoming) == []


def test_a_refused_one_may_be_sent_again(built):
    anna = built.client("anna")
    first = checked(built, post(anna, b"PK"))
    assert anna.get(f"/api/v1/data/{first}").json()["state"] == "refused"
    assert "no zip file" in anna.get(f"/api/v1/data/{first}").json()["reason"]
    assert anna.get(f"/api/v1/data/{first}/sheet.png").status_code == 404
    assert left(built) == []
    assert post(anna, b"PK").json()["id"] != first


def test_too_much_is_refused_and_nothing_is_left(built):
    anna = built.client("anna")
    by_length = post(anna, b"x" * 20_001)
    assert by_length.status_code == 413 and "20,000 bytes" in by_length.json()["message"]

    in_pieces = post(anna, (b"x" * 1_000 for _ in range(100)))
    assert in_pieces.status_code == 413 and in_pieces.headers["content-type"] == "application/problem+json"
    lying = post(anna, (b"x" * 1_000 for _ in range(100)), **{"Content-Length": "5"})
    assert lying.status_code in (413, 202, 400)
    assert os.listdir(built.service.folder.incoming) == []


def test_a_user_has_so_much_and_no_more(built):
    anna = built.client("anna")
    for number in range(2):
        assert post(anna, bytes([number]) * 20_000).status_code == 202
    answer = post(anna, b"x" * 20_000)
    assert answer.status_code == 413 and "50,000 are allowed" in answer.json()["message"]
    in_pieces = post(anna, (b"y" * 1_000 for _ in range(20)))
    assert in_pieces.status_code == 413 and os.listdir(built.service.folder.incoming) == []
    assert len(os.listdir(built.service.folder.data)) == 2
    assert post(built.client("ben"), b"x" * 20_000).status_code == 202


def test_other_types_are_refused(built):
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"):
        assert post(built.client("anna"), b"x", kind).status_code == 415
    assert left(built) == []


def test_a_name_is_text_and_no_path(built):
    content = post(built.client("anna"), b"PK", name="../../<script>\x00\n").json()
    assert content["name"] == "../../<script>\\x00"
    assert post(built.client("anna"), b"PKx", name="x" * 201).status_code == 422
    assert set(os.listdir(built.service.folder.data)) == {content["id"]}


def test_deletion_waits_for_the_jobs_that_want_it(built):
    anna = built.client("anna")
    data_id = ready(built, post(anna, zipped(images())))
    search = built.job("anna", State.DONE, data=data_id)
    job = built.job("anna", State.RUNNING, data=data_id)
    answer = anna.delete(f"/api/v1/data/{data_id}")
    assert answer.status_code == 409 and answer.json()["jobs"] == [job.id]
    built.service.jobs.enter(job.id, State.DONE)
    built.service.jobs.add("anna", "evaluate", {"policy": search.id}, workers=1)
    assert anna.delete(f"/api/v1/data/{data_id}").status_code == 409
    for row in built.service.jobs.page(None, states=[State.CHECKING]):
        built.service.jobs.enter(row.id, State.REFUSED)

    assert anna.delete(f"/api/v1/data/{data_id}").status_code == 204
    assert anna.get(f"/api/v1/data/{data_id}").status_code == 404 and left(built) == []


@pytest.mark.parametrize("text", ["..", "%2e%2e", "x", "fashion-small", "0" * 26, "a" * 300, "%00"])
def test_other_ids_are_not_there(built, text):
    for path in (f"/api/v1/data/{text}", f"/api/v1/data/{text}/sheet.png"):
        assert built.client("anna").get(path).status_code in (404, 400)


def test_a_full_disk_is_said_and_leaves_nothing(built, monkeypatch):
    async def full(*values):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("policysearch.service.web.data.receive", full)
    answer = post(built.client("anna"), b"PK")
    assert answer.status_code == 507 and "disk is full" in answer.json()["message"] and left(built) == []


def test_reading_needs_no_right_to_run(built):
    token = built.service.accounts.add_token("anna", scopes=frozenset({"read"}))[1]
    reader = built.client(Authorization=f"Bearer {token}")
    assert reader.get("/api/v1/data").status_code == 200
    assert post(reader, b"PK").status_code == 403 and left(built) == []


def test_states_have_words(built):
    assert {state.value for state in DataState} == {"checking", "ready", "refused"}
