"""The client against a served service: what is sent, what comes back, and what is said when it is refused."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from policysearch.client import (
    JobFailed,
    JobRefused,
    NoAccess,
    NotThere,
    Refused,
    Service,
    ServiceAway,
    TooMany,
    WaitedTooLong,
    WrongState,
    http,
)
from policysearch.client.errors import ServiceFailed, error_of
from policysearch.client.http import Transport
from policysearch.core.errors import RunFailed, UserError
from policysearch.policy.presets import preset
from policysearch.service.data_set import DataState
from policysearch.service.job import State
from tests.support.service_server import FakeRunner
from tests.support.upload_files import images, zipped
from tests.support.web_client import PATH_TO_RUNNING

HEADER = "phase,number,arm,policy,replicate,reward,error\r\n"


def ended(live, job, state=State.DONE, reason=""):
    """Move a job to its end."""
    for step in PATH_TO_RUNNING if state is not State.REFUSED else ():
        live.service.jobs.enter(job.id, step)
    live.service.jobs.enter(job.id, state, reason)
    live.service.folder.job(job.id).run.mkdir(parents=True, exist_ok=True)
    return live.service.folder.job(job.id).run


def test_what_is_asked_for_arrives(live, anna, tmp_path):
    space = tmp_path / "mine.toml"
    space.write_text('schema = 1\n[[family]]\nname = "f"\npreset = "identity"\n')
    job = anna.search(data="fashion-small", trials=4, recipe={"batch": 32}, space=space, seed=None, name="mine")
    assert job.state == "checking"
    info = job.info()
    assert info["request"]["space"] == space.read_text() and info["name"] == "mine"
    assert info["request"]["recipe"] == {"batch": 32} and "seed" not in info["request"]
    assert anna.calibrate(arms=6).info()["kind"] == "calibrate"
    assert anna.evaluate("identity", seeds=2).info()["request"]["policy"] == "identity"


def test_handles_stand_for_ids(live, anna):
    search, calibration = anna.search(trials=4), anna.calibrate(arms=6)
    ended(live, search)
    ended(live, calibration)
    assert anna.evaluate(search).info()["request"]["policy"] == search.id
    assert anna.search(calibrated=calibration).info()["request"]["calibrated"] == calibration.id


def test_what_is_wrong_is_said_by_field(anna):
    with pytest.raises(Refused) as refusal:
        anna.search(trials=0, model="os:abort", storage="sqlite://")
    assert set(refusal.value.fields) == {"trials", "model", "storage"}
    with pytest.raises(UserError, match="cannot read space file"):
        anna.search(space="nowhere.toml")


def test_nobody_and_strangers(live, anna, ben):
    job = anna.search(trials=4)
    with pytest.raises(NoAccess):
        Service(live.url, "ps_no_token").search()
    with pytest.raises(NotThere):
        ben.job(job.id).info()
    with pytest.raises(NotThere):
        ben.job(job.id).cancel()
    for text in ("../x", "", "a/b"):
        with pytest.raises(UserError):
            anna.job(text)


def test_a_service_that_is_away(monkeypatch):
    monkeypatch.setattr("policysearch.client.http.time.sleep", lambda seconds: None)
    with pytest.raises(ServiceAway, match=r"cannot reach http://127\.0\.0\.1:9: "):
        Service("http://127.0.0.1:9", "").search()


def test_an_answer_that_is_lost_makes_no_second_job(live, anna, monkeypatch):
    monkeypatch.setattr("policysearch.client.http.time.sleep", lambda seconds: None)
    lost = []
    read = http._content

    def content(response):
        data = read(response)
        if not lost:
            lost.append(data["id"])
            raise ServiceAway("the cable was pulled")
        return data

    monkeypatch.setattr("policysearch.client.http._content", content)
    assert [anna.search(trials=5).id] == lost


def test_waiting_for_a_job_hears_all_of_it(live, anna):
    runner = FakeRunner(live, owner="anna").run()
    heard = []

    def work():
        for number in range(3):
            runner.pull()
            runner.progress(number + 1)
        live.service.jobs.enter(runner.job.id, State.DONE)

    thread = threading.Thread(target=work)

    def hear(event):
        if not heard:
            thread.start()
        heard.append(event)

    assert anna.job(runner.job.id).wait(60, hear) == "done"
    thread.join()
    ids = [event.id for event in heard if event.id]
    assert ids == sorted(set(ids))
    assert heard[0].kind == "job" and heard[0].fields["state"] == "running"
    ended_pulls = [event.fields["number"] for event in heard if event.kind == "pull_ended"]
    assert ended_pulls == [0, 1, 2]


def test_waiting_survives_a_restart_without_gap_or_double(live, anna):
    runner = FakeRunner(live, owner="anna").run()
    runner.pull()
    heard = []

    def restart():
        live.stop()
        runner.pull()
        live.start()
        runner.pull()
        live.service.jobs.enter(runner.job.id, State.STOPPED, "enough")

    thread = threading.Thread(target=restart)

    def hear(event):
        heard.append(event)
        if event.kind == "pull_ended" and event.fields["number"] == 0:
            thread.start()

    assert anna.job(runner.job.id).wait(60, hear) == "stopped"
    thread.join()
    assert [event.fields["number"] for event in heard if event.kind == "pull_ended"] == [0, 1, 2]


@pytest.mark.parametrize(
    ("state", "error", "sentence"),
    [
        (State.FAILED, JobFailed, "is failed: no pull ended well"),
        (State.REFUSED, JobRefused, "no pull ended well"),
        (State.CANCELLED, None, "cancelled"),
        (State.STOPPED, None, "stopped"),
    ],
)
def test_other_ends(live, anna, state, error, sentence):
    job = anna.search(trials=4)
    ended(live, job, state, "no pull ended well")
    if error is None:
        assert job.wait(60) == sentence
    else:
        with pytest.raises(error, match=sentence):
            job.wait(60)


def test_a_job_that_was_interrupted_is_waited_for_a_while(live, anna, monkeypatch):
    """It is queued again by itself, unless it has been so too often."""
    job = anna.search(trials=4)
    ended(live, job, State.INTERRUPTED, "three times without a new pull")
    monkeypatch.setattr("policysearch.client.job._ONLY_FOR_A_MOMENT", 0.0)
    with pytest.raises(JobFailed, match="interrupted: three times"):
        job.wait(60)


def test_waiting_has_an_end(anna):
    with pytest.raises(WaitedTooLong):
        anna.search(trials=4).wait(0.1)
    assert issubclass(WaitedTooLong, TimeoutError)


def test_a_job_is_described_ended_and_resumed(live, anna):
    job = anna.search(trials=4)
    job.describe(name="new", labels=["a"], shared=True)
    assert (job.info()["name"], job.info()["labels"]) == ("new", ["a"])
    job.stop()
    assert job.info()["wanted"] == "stop"
    job.cancel()
    assert job.info()["wanted"] == "cancel"
    with pytest.raises(WrongState) as refusal:
        job.resume(trials=8)
    assert refusal.value.state == "checking"
    ended(live, job)
    with pytest.raises(Refused, match="trials"):
        job.resume(trials=10**9)
    job.resume(trials=8)
    assert job.state == "queued" and job.info()["changes"] == {"trials": 8}


def test_jobs_that_rest_can_be_deleted(live, anna):
    job = anna.search(trials=4)
    with pytest.raises(WrongState, match="cancel it first"):
        job.delete()
    ended(live, job)
    job.delete()
    assert job.info()["wanted"] == "delete"


def test_files(live, anna, tmp_path):
    job = anna.search(trials=4)
    run = ended(live, job)
    preset("randaugment").save(run / "policy.json")
    (run / "trials.csv").write_text(f"{HEADER}search,0,a,flip-crop,0,0.5,\r\nsearch,1,b,identity,0,,out of memory\r\n")
    assert job.policy() == preset("randaugment")
    assert job.trials()[0] == {
        "phase": "search",
        "number": 0,
        "arm": "a",
        "policy": "flip-crop",
        "replicate": 0,
        "reward": 0.5,
        "error": None,
    }
    assert job.trials()[1]["reward"] is None
    assert {"policy.json", "trials.csv"} <= set(job.files())
    assert job.download("policy.json", tmp_path).read_bytes() == (run / "policy.json").read_bytes()
    assert job.download("policy.json", tmp_path / "p").name == "p"
    for name in ("../../serve.toml", "nothing.txt", "a b", "%2e%2e", "report.html"):
        with pytest.raises(NotThere):
            job.download(name, tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p", "policy.json"]


def test_a_policy_that_is_not_there_yet(anna):
    with pytest.raises(NotThere, match=r"has no policy.json: it is checking"):
        anna.search(trials=4).policy()


def test_the_list_is_paged(live, ben):
    ids = [live.service.jobs.add("ben", "search", {"trials": 4}, workers=1)[0].id for _ in range(55)]
    assert [row["id"] for row in ben.jobs()][:55] == ids[::-1]
    assert len(list(ben.jobs(state="checking"))) == 55 and not list(ben.jobs(state="done"))


def test_an_upload_of_a_folder_is_packed_and_used(live, anna, tmp_path):
    for name, data in images().items():
        (tmp_path / "birds" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "birds" / name).write_bytes(data)
    data_set = anna.upload(tmp_path / "birds")
    assert data_set.state == "checking" and data_set.info()["name"] == "birds"
    assert anna.upload(tmp_path / "birds").id == data_set.id
    live.service.data_sets.update(data_set.id, state=DataState.READY, summary={"classes": ["cat", "dog"]})
    assert data_set.wait(60)["summary"]["classes"] == ["cat", "dog"]
    assert anna.search(data=data_set, trials=4).info()["request"]["data"] == data_set.id
    assert data_set.id in [row["id"] for row in anna.data()]
    with pytest.raises(WrongState, match="want it"):
        data_set.delete()


def test_an_upload_that_is_refused(live, anna, tmp_path):
    (tmp_path / "x.zip").write_bytes(zipped({"a": b"x"}))
    data_set = anna.upload(tmp_path / "x.zip", "mine")
    with pytest.raises(WaitedTooLong):
        data_set.wait(0.0)
    live.service.data_sets.update(data_set.id, state=DataState.REFUSED, reason="no images in it")
    with pytest.raises(Refused, match="no images in it"):
        data_set.wait(60)
    data_set.delete()
    with pytest.raises(NotThere):
        data_set.info()


def test_an_upload_that_is_none(anna, tmp_path):
    (tmp_path / "x.txt").write_text("x")
    for path in ("x.txt", "nowhere.zip"):
        with pytest.raises(UserError):
            anna.upload(tmp_path / path)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, NoAccess),
        (403, NoAccess),
        (404, NotThere),
        (409, WrongState),
        (413, Refused),
        (415, Refused),
        (422, Refused),
        (429, TooMany),
        (500, ServiceFailed),
        (502, ServiceAway),
        (503, ServiceAway),
        (507, ServiceFailed),
    ],
)
def test_every_status_has_its_error(status, kind):
    error = error_of(status, {"message": "no", "fields": {"data": "x"}, "state": "done"}, "7")
    assert type(error) is kind and str(error) == "no"
    assert isinstance(error, UserError | RunFailed)
    assert str(error_of(status, {}, "")) == f"the server answered {status}"


@pytest.mark.parametrize("url", ["", "localhost:8800", "ftp://x", "http://", "http://x/?q", "http://anna:pw@x"])
def test_what_is_no_address(url):
    with pytest.raises(UserError, match="address"):
        Transport(url)


def test_an_address_with_a_path_and_a_token_that_is_not_shown(anna):
    assert Transport("https://example.org/search/", "ps_1").token == "ps_1"
    assert "ps_1" not in repr(Transport("https://example.org", "ps_1"))
    with pytest.raises(UserError, match="token"):
        Transport("http://x", "a\nb")


def test_the_client_is_light():
    heavy = ("pydantic", "numpy", "torch", "fastapi")
    code = f"import policysearch.client, sys; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert run.stdout.strip() == "[]"


def test_a_download_that_is_cut_off_leaves_the_file_that_was_there(tmp_path):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{}"
    (tmp_path / "policy.json").write_text("before")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def cut_off() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

        thread = threading.Thread(target=cut_off)
        thread.start()
        job = Service(f"http://127.0.0.1:{server.getsockname()[1]}", "token").job("a1")
        with pytest.raises(ServiceAway, match="cut off, 98 bytes before its end"):
            job.download("policy.json", tmp_path)
        thread.join()
    assert (tmp_path / "policy.json").read_text() == "before"
