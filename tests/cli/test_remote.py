"""policysearch remote: the command line against a served service."""

from __future__ import annotations

import io

import pytest

from policysearch.cli.remote_watch import ProgressLine
from policysearch.client import Event, Job
from policysearch.service.data_set import DataState
from policysearch.service.job import State
from tests.support.command_line import call
from tests.support.live_service import live_house
from tests.support.service_server import FakeRunner
from tests.support.upload_files import images
from tests.support.web_client import PATH_TO_RUNNING


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with live_house(tmp_path_factory.mktemp("state")) as served:
        yield served


@pytest.fixture
def remote(live, monkeypatch, capsys):
    """Runs `policysearch remote` as anna: the exit code, stdout and stderr."""
    monkeypatch.setenv("POLICYSEARCH_SERVER", live.url)
    monkeypatch.setenv("POLICYSEARCH_TOKEN", live.tokens["anna"])

    def run(*words):
        return call(monkeypatch, capsys, "remote", *map(str, words))

    return run


def request_of(live, job_id):
    return live.service.jobs.get(job_id.strip())


def rests(live, job_id, state=State.DONE, reason=""):
    for step in (*PATH_TO_RUNNING, state):
        live.service.jobs.enter(job_id, step, reason if step is state else "")
    run = live.service.folder.job(job_id).run
    run.mkdir(parents=True, exist_ok=True)
    return run


def test_the_flags_are_those_of_search(live, remote, tmp_path):
    (tmp_path / "config.toml").write_text("trials = 9\nimages = 50\n[recipe]\nbatch = 16\nrate = 0.2\n")
    code, out, _ = remote(
        "search",
        "--config",
        tmp_path / "config.toml",
        "--trials",
        4,
        "--rate",
        0.3,
        "--strategy",
        "ucb:c=1",
        "--resize",
        32,
        "--name",
        "mine",
        "--label",
        "a",
        "--label",
        "b",
        "--skip-damaged",
    )
    job = request_of(live, out)
    assert code == 0 and job.owner == "anna" and job.name == "mine" and job.labels == ("a", "b")
    assert job.request["trials"] == 4 and job.request["images"] == 50 and job.request["resize"] == "32"
    assert job.request["recipe"] == {"batch": 16, "rate": 0.3} and job.request["skip_damaged"] is True


def test_calibrate_and_evaluate(live, remote):
    assert request_of(live, remote("calibrate", "--arms", 6, "--tolerance", 0.01)[1]).request["arms"] == 6
    job = request_of(live, remote("evaluate", "flip+randaugment", "--seeds", 3, "--epochs", 2)[1])
    assert (job.kind, job.request["policy"], job.request["seeds"]) == ("evaluate", "flip+randaugment", 3)


def test_a_refusal_is_one_sentence_and_2(remote):
    code, out, err = remote("search", "--model", "os:abort", "--data", "../etc", "--trials", 0)
    assert (code, out) == (2, "") and err.startswith("policysearch: 3 mistakes: ") and err.count("\n") == 1
    code, _, err = remote("search", "--lr", 3)
    assert code == 2 and "did you mean --rate" in err and "`policysearch remote search --help`" in err
    assert remote("search", "--out", "x")[0] == 2


def test_without_a_token_and_without_a_server(live, remote, monkeypatch, tmp_path):
    monkeypatch.delenv("POLICYSEARCH_TOKEN")
    code, _, err = remote("list")
    assert code == 2 and "set POLICYSEARCH_TOKEN, or give --state STATE" in err
    assert remote("list", "--state", tmp_path)[0] == 2
    (tmp_path / "admin.token").write_text(f"{live.tokens['admin']}\n")
    assert remote("list", "--state", tmp_path)[0] == 0
    monkeypatch.setattr("policysearch.client.http.time.sleep", lambda seconds: None)
    code, _, err = remote("list", "--server", "http://127.0.0.1:9")
    assert code == 1 and err.startswith("policysearch: cannot reach http://127.0.0.1:9: ")
    assert remote("list", "--server", "127.0.0.1")[0] == 2


def test_waiting_shows_progress_and_ends_as_the_job(live, remote):
    runner = FakeRunner(live, owner="anna").run()
    runner.event("warning", text="few images")
    runner.progress(3, best_name="flip-crop", best=0.8)
    (runner.folder.run).mkdir()
    (runner.folder.run / "policy.json").write_text("{}")
    live.service.jobs.enter(runner.job.id, State.DONE, "use flip-crop")
    code, out, err = remote("watch", runner.job.id)
    assert code == 0 and out.startswith("use flip-crop\n") and "policy.json" in out
    assert "search 3/40, best flip-crop 0.8000, about 60 s left" in err and "warning: few images" in err


@pytest.mark.parametrize(
    ("state", "code", "sentence"),
    [
        (State.FAILED, 1, "is failed: no pull ended well"),
        (State.CANCELLED, 1, "was cancelled; `policysearch remote resume"),
        (State.STOPPED, 1, "was stopped; `policysearch remote resume"),
    ],
)
def test_a_job_without_a_result_is_1(live, remote, state, code, sentence):
    job_id = remote("search", "--trials", 4)[1].strip()
    rests(live, job_id, state, "no pull ended well")
    ended = remote("watch", job_id)
    assert ended[0] == code and sentence in ended[2]


def test_settings_that_are_refused_later_are_2(live, remote):
    job_id = remote("search", "--trials", 4)[1].strip()
    live.service.jobs.enter(job_id, State.REFUSED, "images must lie in [20, 4000]")
    code, _, err = remote("watch", job_id)
    assert code == 2 and "images must lie in" in err


def test_ctrl_c_leaves_the_job_running(live, remote, monkeypatch):
    def interrupted(*values, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "wait", interrupted)
    code, out, err = remote("search", "--trials", 4, "--wait")
    job_id = out.strip()
    assert code == 130 and f"job {job_id} goes on in the service" in err
    assert f"`policysearch remote cancel {job_id}` ends it" in err
    assert live.service.jobs.get(job_id).intent == "run"


def test_list_stop_cancel_and_resume(live, remote):
    job_id = remote("search", "--trials", 4, "--name", "the one")[1].strip()
    code, out, _ = remote("list", "--text", "the one")
    assert code == 0 and out.startswith(job_id) and "checking" in out
    assert len(remote("list", "--limit", 1)[1].splitlines()) == 1
    assert "no such jobs" in remote("list", "--in", "failed", "--text", "nothing of that name")[2]
    assert remote("stop", job_id)[0] == 0 and live.service.jobs.get(job_id).intent == "stop"
    assert remote("cancel", job_id)[0] == 0 and live.service.jobs.get(job_id).intent == "cancel"
    assert remote("resume", job_id)[0] == 2
    rests(live, job_id, State.CANCELLED)
    code, out, _ = remote("resume", job_id, "--trials", 8)
    assert (code, out.strip()) == (0, job_id) and live.service.jobs.get(job_id).changes == {"trials": 8}
    assert remote("cancel", "0" * 26)[0] == 2


def test_get_saves_a_file_and_replaces_none(live, remote, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job_id = remote("search", "--trials", 4)[1].strip()
    (rests(live, job_id) / "policy.json").write_text('{"name": "x"}')
    assert "policy.json" in remote("get", job_id)[1]
    assert remote("get", job_id, "policy.json")[:2] == (0, "policy.json\n")
    code, _, err = remote("get", job_id, "policy.json")
    assert code == 2 and "--force replaces it" in err
    assert remote("get", job_id, "policy.json", "--force")[0] == 0
    assert remote("get", job_id, "policy.json", "--out", tmp_path / "p.json")[0] == 0
    for name in ("../../serve.toml", "report.html", "/etc/passwd"):
        assert remote("get", job_id, name, "--force")[0] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.json", "policy.json"]


def test_own_data_are_uploaded_once(live, remote, tmp_path, monkeypatch):
    folder = tmp_path / "birds"
    for name, data in images().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    def wait(data_set, timeout=None):
        row = live.service.data_sets.update(data_set.id, state=DataState.READY, summary={"warnings": ["no test part"]})
        return {"summary": dict(row.summary)}

    monkeypatch.setattr("policysearch.client.data_set.DataSet.wait", wait)
    code, out, err = remote("upload", folder, "--name", "mine")
    assert code == 0 and "warning: no test part" in err
    job = request_of(live, remote("search", "--data", folder, "--trials", 4)[1])
    assert job.request["data"] == out.strip()
    assert remote("delete", out.strip())[0] == 2  # the job wants it
    rests(live, job.id)
    assert remote("delete", out.strip())[0] == 0 and remote("delete", job.id)[0] == 0
    assert remote("upload", tmp_path / "nowhere.zip")[0] == 2


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_has_one_line():
    out = Screen()
    line = ProgressLine(out)
    for done in range(3):
        line(Event(0, "progress", {"phase": "search", "done": done, "total": 9, "best_name": "a\x1b[31m", "best": 0.5}))
    line(Event(0, "lost", {"sentence": "refused"}))
    line.end()
    text = out.getvalue()
    assert text.count("\r") == 4 and text.count("\n") == 1 and "connection lost (refused)" in text
    assert "a\\x1b[31m" in text


def test_elsewhere_lines_come_now_and_then():
    out, now = io.StringIO(), [0.0]
    line = ProgressLine(out, lambda: now[0])
    for done in range(40):
        now[0] += 1.0
        line(Event(0, "progress", {"phase": "search", "done": done, "total": 40}))
    line(Event(0, "progress", {"phase": "confirm", "done": 0, "total": 4}))
    assert out.getvalue().splitlines() == ["search 0/40", "search 15/40", "search 30/40", "confirm 0/4"]
