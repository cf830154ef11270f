"""Files out: by a table of names alone, whole or in parts, without paths, secrets, or anything that runs."""

from __future__ import annotations

import io
import os
import tomllib
import zipfile

import pytest

from policysearch.service.job import State
from policysearch.service.web.artifacts import ARTIFACTS
from policysearch.study.config import SearchConfig, save_config

TRICKS = (
    *(
        "..%2f..%2fserve.toml",
        "..%2F..%2Fadmin.token",
        "....//....//admin.token",
        "%2e%2e%2fadmin.token",
        "..\\admin.token",
    ),
    *("policy.json%00", "policy.json%00.png", "/etc/passwd", "%2fetc%2fpasswd", "policy.json%23", "policy.json%3f"),
    *("POLICY.JSON", "policy.json.", "policy.json%20", "run%2fpolicy.json", "config.toml", "job.json", "runner.json"),
    *(
        "exit.json",
        "study.db-wal",
        "file:%2f%2f%2fetc%2fpasswd",
        "%252e%252e%252fadmin.token",
        "%2e%2e",
        "%c0%ae%c0%ae%2f",
        "~",
        "*",
    ),
)


@pytest.fixture
def job(web):
    job = web.job("anna", State.DONE)
    web.write(job, "policy.json", "0123456789")
    return job


@pytest.fixture
def anna(web):
    return web.client("anna")


def files(job, name: str = "") -> str:
    return f"/api/v1/searches/{job.id}/files{'/' * bool(name)}{name}"


@pytest.mark.parametrize("name", TRICKS)
def test_a_name_that_is_not_in_the_table_is_no_file(web, job, anna, name):
    web.service.folder.admin_token.write_text("secret")
    answer = anna.get(files(job, name))
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_name_that_is_in_the_table_is_sent(job, anna):
    answer = anna.get(files(job, "policy.json"))
    assert (answer.status_code, answer.text) == (200, "0123456789")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="policy.json"'


@pytest.mark.parametrize("name", sorted(set(ARTIFACTS) - {"settings.toml"}))
def test_no_link_is_followed(web, job, anna, name):
    secret = web.service.folder.path / "secret.txt"
    secret.write_text("secret")
    path = web.service.folder.job(job.id).path.joinpath(*ARTIFACTS[name].parts)
    path.unlink(missing_ok=True)
    path.symlink_to(secret)
    assert anna.get(files(job, name)).status_code == 404
    assert b"secret" not in anna.get(f"/api/v1/searches/{job.id}/bundle.zip").content
    path.unlink()
    path.write_text("own")
    assert anna.get(files(job, name)).text == "own"


def test_neither_a_link_to_a_folder_nor_a_pipe_is_read(web, job, anna, tmp_path):
    folder = web.service.folder.job(job.id)
    os.mkfifo(folder.run / "trials.csv")
    assert anna.get(files(job, "trials.csv")).status_code == 404
    folder.run.rename(tmp_path / "elsewhere")
    folder.run.symlink_to(tmp_path / "elsewhere")
    assert anna.get(files(job, "policy.json")).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "status", "text"),
    [
        ("bytes=2-4", 206, "234"),
        ("bytes=7-", 206, "789"),
        ("bytes=-3", 206, "789"),
        ("bytes=0-99", 206, "0123456789"),
        ("bytes=10-", 416, None),
        ("bytes=5-2", 416, None),
        ("bytes=-", 200, "0123456789"),
        ("bytes=0-1,3-4", 200, "0123456789"),
        ("lines=1-2", 200, "0123456789"),
        ("bytes=" + "9" * 40 + "-", 200, "0123456789"),
    ],
)
def test_a_part_of_a_file(job, anna, wanted, status, text):
    answer = anna.get(files(job, "policy.json"), headers={"Range": wanted})
    assert answer.status_code == status
    assert text is None or answer.text == text
    assert text is None or int(answer.headers["Content-Length"]) == len(text)


def test_a_file_that_the_browser_has_is_not_sent_again(web, job, anna):
    tag = anna.get(files(job, "policy.json")).headers["ETag"]
    again = anna.get(files(job, "policy.json"), headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    part = anna.get(files(job, "policy.json"), headers={"Range": "bytes=0-1", "If-Range": '"old"'})
    assert (part.status_code, part.text) == (200, "0123456789")
    web.write(job, "policy.json", "other text")
    assert anna.get(files(job, "policy.json"), headers={"If-None-Match": tag}).text == "other text"


def test_the_head_of_a_file(job, anna):
    answer = anna.head(files(job, "policy.json"))
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "10")


def test_descriptors_are_closed(job, anna):
    before = len(os.listdir("/proc/self/fd"))
    for headers in ({}, {"Range": "bytes=1-2"}, {"Range": "bytes=99-"}, {"If-None-Match": "*"}):
        anna.get(files(job, "policy.json"), headers=headers)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_report_is_shown_and_runs_nothing(web, job, anna):
    web.write(job, "report.html", "<script>alert(1)</script>")
    answer = anna.get(files(job, "report.html"))
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox;") and "allow-scripts" not in policy and "script-src" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_study_is_read_at_rest_only(web, anna):
    for state, status in ((State.RUNNING, 409), (State.DONE, 200)):
        job = web.job("anna", state)
        web.write(job, "study.db", "study")
        answer = anna.get(files(job, "study.db"))
        assert answer.status_code == status
        assert status == 200 or answer.json()["state"] == "running"
        assert ("study.db" in {row["name"] for row in anna.get(files(job)).json()["files"]}) == (status == 200)


def test_settings_have_neither_paths_nor_secrets(web, anna):
    job = web.job("anna", State.DONE, trials=7)
    secret = "postgresql://anna:hunter2@db/x"
    config = SearchConfig(
        trials=7,
        data="/home/anna/images",
        data_root="/home",
        storage=secret,
        out="/srv/state/x",
        operations="/srv/plugins/mine.py",
    )
    save_config(config, web.service.folder.job(job.id).run / "config.toml")
    text = anna.get(files(job, "settings.toml")).text
    assert tomllib.loads(text)["trials"] == 7
    assert tomllib.loads(text)["data"] == "fashion-small"
    for hidden in ("/home", "/srv", "hunter2", "postgresql", str(web.service.folder.path)):
        assert hidden not in text


def test_the_bundle_has_what_there_is(web, job, anna):
    web.write(job, "trials.csv", "a,b\n" * 200_000)
    web.write(job, "study.db", "study")
    archive = zipfile.ZipFile(io.BytesIO(anna.get(f"/api/v1/searches/{job.id}/bundle.zip").content))
    assert archive.testzip() is None
    assert archive.read("trials.csv") == b"a,b\n" * 200_000
    assert {"policy.json", "trials.csv", "study.db"} <= set(archive.namelist())
    assert {row["name"] for row in anna.get(files(job)).json()["files"]} - {"events.jsonl"} == set(archive.namelist())


def test_an_export_waits_for_a_policy_and_says_what_is_wrong(web, anna):
    job = web.job("anna", State.DONE)
    path = f"/api/v1/searches/{job.id}/export"
    assert anna.get(f"{path}?to=timm").json()["code"] == "no_policy"
    assert anna.get(f"{path}?to=nowhere").status_code == 422
    web.write(job, "policy.json", "{}")
    answer = anna.get(f"{path}?to=json")
    assert (answer.status_code, answer.json()["code"]) == (422, "cannot_export")
    assert str(web.service.folder.path) not in answer.text
    assert list(web.service.folder.incoming.iterdir()) == []
