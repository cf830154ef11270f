"""What a job has found so far, what a new one would cost, and several side by side."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from policysearch.service.job import State
from policysearch.service.runner.exit_record import CheckRecord, write_record
from policysearch.service.web import forecast
from policysearch.service.web.results import thinned
from tests.support.service_pages import live
from tests.support.web_client import House

SMALL = {"data": "fashion-small", "trials": 6, "images": 100, "epochs": 2}


@pytest.fixture
def anna(web):
    return web.client("anna")


def job_with(web: House, owner: str = "anna", summary: dict | None = None, **request):
    """A job whose runner has written a live summary."""
    job = web.job(owner, State.DONE, **request)
    web.service.folder.job(job.id).live.write_text(json.dumps(live() if summary is None else summary))
    return job


def test_pulls_come_page_by_page_in_the_order_in_which_they_ended(web, anna):
    job = web.job("anna", State.RUNNING)
    lines = [{"t": 1.0, "kind": "pull_started", "number": 0}]
    lines += [{"t": float(n), "kind": "pull_ended", "number": n, "reward": n / 10, "name": f"p{n}"} for n in range(7)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    web.service.folder.job(job.id).events.write_text(text + '{"t": 9, "kind": "pull_en')
    seen, after = [], 0
    while after is not None:
        page = anna.get(f"/api/v1/searches/{job.id}/pulls?after={after}&limit=3").json()
        seen += [pull["number"] for pull in page["pulls"]]
        after = page["next"]
    assert seen == list(range(7))


def test_numbers_that_are_none_are_null(web, anna):
    job = job_with(
        web, summary={"leaderboard": [{"name": "a", "mean": float("nan")}], "rewards": [[0, float("inf"), 1]]}
    )
    web.service.folder.job(job.id).events.write_text('{"t": 1, "kind": "pull_ended", "number": 0, "reward": NaN}\n')
    assert anna.get(f"/api/v1/searches/{job.id}/arms").json()["arms"] == [{"name": "a", "mean": None}]
    assert anna.get(f"/api/v1/searches/{job.id}/curve").json()["rewards"] == [[0, None, 1]]
    assert anna.get(f"/api/v1/searches/{job.id}/pulls").json()["pulls"][0]["reward"] is None


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", "\x00" * 10])
def test_a_live_summary_that_is_damaged_is_none(web, anna, text):
    job = web.job("anna", State.RUNNING)
    web.service.folder.job(job.id).live.write_text(text)
    assert anna.get(f"/api/v1/searches/{job.id}/arms").json() == {"arms": [], "verdict": None, "winner": None}
    assert anna.get(f"/api/v1/searches/{job.id}").json()["verdict"] is None


def test_the_table_of_pulls_is_that_of_the_run(web, anna):
    job = web.job("anna", State.DONE)
    path = f"/api/v1/searches/{job.id}/pulls"
    assert anna.get(path, headers={"Accept": "text/csv"}).status_code == 404
    web.write(job, "trials.csv", "number,reward\n0,0.8\n")
    answer = anna.get(path, headers={"Accept": "text/csv"})
    assert (answer.text, answer.headers["Content-Type"]) == ("number,reward\n0,0.8\n", "text/csv; charset=utf-8")


def test_a_curve_is_thinned_and_keeps_its_ends(web, anna):
    job = job_with(web, summary=live(pulls=1_000))
    rewards = anna.get(f"/api/v1/searches/{job.id}/curve?points=50").json()["rewards"]
    assert (len(rewards), rewards[0][0], rewards[-1][0]) == (50, 0, 999)
    assert [row[0] for row in rewards] == sorted({row[0] for row in rewards})
    assert thinned([1, 2], 5) == [1, 2]


def test_the_log_comes_in_pieces(web, anna):
    job = web.job("anna", State.RUNNING)
    whole = "line of the log\n" * 10_000
    web.service.folder.job(job.id).log.write_text(whole)
    text, after = "", 0
    while piece := (answer := anna.get(f"/api/v1/searches/{job.id}/log?after={after}")).text:
        assert len(piece) <= 65_536
        text, after = text + piece, int(answer.headers["X-Next"])
    assert text == whole


def test_searches_that_compare_are_put_side_by_side(web, anna):
    first, second = job_with(web, data="fashion-small"), job_with(web, data="fashion-small", epochs=40)
    answer = anna.get(f"/api/v1/compare?ids={first.id},{second.id}").json()
    assert [search["id"] for search in answer["searches"]] == [first.id, second.id]
    assert "epochs" in answer["searches"][1]["cautions"][0]
    row = answer["policies"][0]["results"]
    assert row[second.id]["difference"]["mean"] == 0
    assert row[first.id].keys() >= {"mean", "low", "high", "pulls"}


@pytest.mark.parametrize(("setting", "value"), [("reward", "loss"), ("split_seed", 3), ("resize", "16")])
def test_searches_that_do_not_compare_are_not_compared(web, anna, setting, value):
    first, second = job_with(web), job_with(web, **{setting: value})
    answer = anna.get(f"/api/v1/compare?ids={first.id},{second.id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "do_not_compare")
    assert list(answer.json()["reasons"]) == [second.id]


def test_ids_of_strangers_jobs_are_hidden_in_places(web, anna, monkeypatch):
    place = web.service.scheduler.usage()[0].place
    jobs = (("id-of-anna", "anna", 1), ("id-of-ben", "ben", 2))
    use = SimpleNamespace(place=place, used=3, free=0, closed="", jobs=jobs)
    monkeypatch.setattr(web.service.scheduler, "usage", lambda: [use])
    ids = [row["id"] for row in anna.get("/api/v1/places").json()["places"][0]["jobs"]]
    assert ids == ["id-of-anna", None]
    assert [row["id"] for row in web.client("admin").get("/api/v1/places").json()["places"][0]["jobs"]] == [
        "id-of-anna",
        "id-of-ben",
    ]


class FakeProcesses:
    """Writes the record of a check instead of starting one; `record` None: the process never ends."""

    record: CheckRecord | None = None
    signals: list[int]

    def __init__(self, folder) -> None:
        self.alive = False
        FakeProcesses.signals = []

    def start(self, folder, attempt, environment) -> None:
        assert json.loads(folder.job.read_text())["settings"]["training"]["trials"] == 6
        self.alive = self.record is None
        if self.record is not None:
            write_record(folder.check, self.record)

    def see(self, folder, attempt):
        return SimpleNamespace(gone=not self.alive)

    def signal(self, folder, number) -> None:
        FakeProcesses.signals.append(number)
        self.alive = False


@pytest.fixture
def checks(web, monkeypatch):
    """What a check says is what the test sets; nothing of it is left."""
    monkeypatch.setattr(forecast, "SystemProcesses", FakeProcesses)
    monkeypatch.setattr(FakeProcesses, "record", None)
    monkeypatch.setattr(forecast, "_LOOK", 0.001)
    yield FakeProcesses
    assert list(web.service.folder.incoming.iterdir()) == []


def test_a_check_says_what_a_job_would_cost_and_adds_none(web, anna, checks):
    checks.record = CheckRecord(
        ok=True, forecast={"worker_seconds": 5400.0, "seconds": 2700.0}, warnings=("few images",)
    )
    before = web.service.jobs.revision()
    answer = anna.post("/api/v1/searches/check", json=SMALL)
    assert answer.json() == {
        **{"worker_seconds": 5400.0, "seconds": 2700.0, "warnings": ["few images"]},
        "sentence": "It would take about 45 min on the clock, and 1.5 h of work.",
    }
    assert web.service.jobs.revision() == before


def test_a_check_that_refuses_names_the_field(anna, checks):
    checks.record = CheckRecord(ok=False, sentence="images must be at most 2000", field="images")
    answer = anna.post("/api/v1/searches/check", json=SMALL)
    assert (answer.status_code, answer.json()["fields"]) == (422, {"images": "images must be at most 2000"})


@pytest.mark.parametrize(("end", "status"), [("the server ends", 503), ("it takes too long", 504)])
def test_a_check_that_does_not_end_is_ended(web, anna, checks, monkeypatch, end, status):
    if end == "the server ends":
        monkeypatch.setattr(web.service.ending, "is_set", lambda: True)
    else:
        monkeypatch.setattr(forecast, "_PATIENCE", 0.01)
    assert anna.post("/api/v1/searches/check", json=SMALL).status_code == status
    assert checks.signals


def test_a_third_check_at_once_is_put_off(anna, checks):
    with forecast._AT_ONCE, forecast._AT_ONCE:
        assert anna.post("/api/v1/searches/check", json=SMALL).status_code == 429
